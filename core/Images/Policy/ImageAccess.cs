using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>An image that a caller may see, and whether it is shared with the caller's project.</summary>
internal sealed record VisibleImage(Image Image, bool IsMember);

/// <summary>
/// Finds images for callers. What a caller may not see does not exist for it: the refusal is the same as for an unknown id.
/// </summary>
internal sealed class ImageAccess(ImageRegistry registry, PolicyRules policy)
{
    public static ImageException NoSuchImage(string id) => new(ImageError.NotFound, $"No image found with ID {id}");

    public static ImageException ChangedMeanwhile(string id) => new(ImageError.Conflict, $"Image {id} is being changed by others at the same time; try again.");

    /// <summary>The fence around data: it stands whatever the policy says.</summary>
    public static bool IsVisible(Caller caller, Image image, bool isMember) =>
        caller.IsAdmin
        || image.Owner is null
        || image.Visibility is ImageVisibility.Public or ImageVisibility.Community
        || isMember
        || image.Owner == caller.ProjectId;

    /// <summary>Whether a member's row would make the caller one: nobody is a member of an own image, or of one that is not shared.</summary>
    public static bool MayBeMember(Caller caller, Image image) =>
        image.Visibility == ImageVisibility.Shared && caller.ProjectId is { } project && image.Owner != project;

    /// <summary>Finds an image by id.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.NotFound"/>, or <see cref="ImageError.Forbidden"/> to a token that is not of a project.</exception>
    public async Task<VisibleImage> FindAsync(Caller caller, string id, CancellationToken cancellationToken)
    {
        PolicyRules.RequireScope(caller, PolicyAction.GetImage);
        var image = await registry.FindImageAsync(id, cancellationToken) ?? throw NoSuchImage(id);
        var isMember = MayBeMember(caller, image) && await registry.FindMemberAsync(id, caller.ProjectId!, cancellationToken) is not null;
        return IsVisible(caller, image, isMember) && policy.Allows(caller, PolicyAction.GetImage, image, isMember)
            ? new VisibleImage(image, isMember)
            : throw NoSuchImage(id);
    }

    /// <summary>Of images that the registry listed for a caller, those that the rules let it see.</summary>
    /// <returns>The very same list when they are all.</returns>
    public async Task<IReadOnlyList<Image>> FilterAsync(Caller caller, IReadOnlyList<Image> listed, CancellationToken cancellationToken)
    {
        List<Image>? kept = null;
        for (var i = 0; i < listed.Count; i++)
        {
            if (await MaySeeListedAsync(caller, listed[i], cancellationToken))
            {
                kept?.Add(listed[i]);
            }
            else
            {
                kept ??= [.. listed.Take(i)];
            }
        }

        return kept ?? listed;
    }

    /// <summary>Finds an image by id on which the caller may act.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.NotFound"/>, or <see cref="ImageError.Forbidden"/> when it may only be seen.</exception>
    public async Task<Image> FindForAsync(Caller caller, string id, PolicyAction action, CancellationToken cancellationToken)
    {
        var (image, isMember) = await FindAsync(caller, id, cancellationToken);
        policy.Require(caller, action, image, isMember);
        return image;
    }

    /// <summary>Finds an image for an action that services carry out for users: within the fence around data, whether the rules let the caller
    /// see the image otherwise or not.</summary>
    /// <exception cref="ImageException">As by <see cref="FindForAsync"/>.</exception>
    public async Task<Image> FindByDataAsync(Caller caller, string id, PolicyAction action, CancellationToken cancellationToken)
    {
        PolicyRules.RequireScope(caller, action);
        var image = await registry.FindImageAsync(id, cancellationToken) ?? throw NoSuchImage(id);
        var isMember = MayBeMember(caller, image) && await registry.FindMemberAsync(id, caller.ProjectId!, cancellationToken) is not null;
        return IsVisible(caller, image, isMember) && policy.Allows(caller, action, image, isMember)
            ? image
            : await FindForAsync(caller, id, action, cancellationToken);
    }

    private async ValueTask<bool> MaySeeListedAsync(Caller caller, Image image, CancellationToken cancellationToken)
    {
        // What is listed for others than administrators and is shared by another project is shared with theirs.
        var mayBeMember = MayBeMember(caller, image);
        if (policy.Allows(caller, PolicyAction.GetImage, image, isMember: mayBeMember && !caller.IsAdmin))
        {
            return true;
        }

        return mayBeMember
            && caller.IsAdmin
            && await registry.FindMemberAsync(image.Id, caller.ProjectId!, cancellationToken) is not null
            && policy.Allows(caller, PolicyAction.GetImage, image, isMember: true);
    }
}
