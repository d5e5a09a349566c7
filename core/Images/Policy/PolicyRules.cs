using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>What a caller wants to do, by Glance's rule names in snake case (<c>get_image</c>).</summary>
public enum PolicyAction
{
    /// <summary>List images.</summary>
    GetImages,

    /// <summary>See one image.</summary>
    GetImage,

    /// <summary>Read an image's data.</summary>
    DownloadImage,

    /// <summary>Create an image.</summary>
    AddImage,

    /// <summary>Change an image's attributes.</summary>
    ModifyImage,

    /// <summary>Delete an image.</summary>
    DeleteImage,

    /// <summary>Write an image's data.</summary>
    UploadImage,

    /// <summary>Make an image public.</summary>
    PublicizeImage,

    /// <summary>Make an image visible to the community.</summary>
    CommunitizeImage,

    /// <summary>Share an image.</summary>
    AddMember,

    /// <summary>End a share.</summary>
    DeleteMember,

    /// <summary>See one member.</summary>
    GetMember,

    /// <summary>List members.</summary>
    GetMembers,

    /// <summary>Answer a share.</summary>
    ModifyMember,
}

/// <summary>Glance's default policy: which role may do what to which image. The one place that knows roles.</summary>
/// <remarks>
/// Roles come expanded (an administrator's list holds member and reader too), as Keystone hands them out. Data visibility is a
/// second, independent fence: <see cref="ImageAccess"/> and the registry's queries keep it whatever a policy says.
/// </remarks>
public sealed class PolicyRules
{
    /// <summary>Whether the caller may do it.</summary>
    /// <param name="caller">Who.</param>
    /// <param name="action">What.</param>
    /// <param name="image">To which image, as it is or as it is to be created; null for actions on no image.</param>
    /// <param name="isMember">Whether the image is shared with the caller's project.</param>
#pragma warning disable CA1822 // An operator's policy file will make this depend on the instance.
    public bool Allows(Caller caller, PolicyAction action, Image? image, bool isMember)
#pragma warning restore CA1822
    {
        if (caller.IsAdmin)
        {
            return true;
        }

        var reader = caller.Roles.Contains("reader");
        var member = caller.Roles.Contains("member");
        var owns = image is not null && caller.ProjectId is not null && image.Owner == caller.ProjectId;
        var reaches = image is not null && (owns || isMember || ImageAccess.IsForEverybody(image));
        return action switch
        {
            PolicyAction.GetImages => reader && caller.ProjectId is not null,
            PolicyAction.GetImage => reader && reaches,
            PolicyAction.DownloadImage => member && reaches,
            PolicyAction.AddImage or PolicyAction.ModifyImage or PolicyAction.DeleteImage or PolicyAction.UploadImage => member && owns,
            PolicyAction.PublicizeImage => false,
            PolicyAction.CommunitizeImage => member && owns,
            PolicyAction.AddMember or PolicyAction.DeleteMember => member && owns,
            PolicyAction.GetMember or PolicyAction.GetMembers => reader && (owns || isMember),
            PolicyAction.ModifyMember => member && isMember,
            _ => throw new ArgumentOutOfRangeException(nameof(action), action, "Not a policy action."),
        };
    }

    /// <summary>Refuses what <see cref="Allows"/> does not allow.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Forbidden"/>.</exception>
    public void Require(Caller caller, PolicyAction action, Image? image, bool isMember)
    {
        if (!Allows(caller, action, image, isMember))
        {
            throw new ImageException(ImageError.Forbidden, $"You are not authorized to complete {RuleName(action)} action.");
        }
    }

    /// <summary>Glance's name of a rule.</summary>
    public static string RuleName(PolicyAction action) =>
        string.Concat(action.ToString().Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "_") + char.ToLowerInvariant(c) : c.ToString()));
}
