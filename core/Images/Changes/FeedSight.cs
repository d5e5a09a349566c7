using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>A change as one caller is told of it.</summary>
/// <param name="ImageId">The image.</param>
/// <param name="IsGone">False when the image appeared or changed, true when the caller listed it once and does not any more.</param>
public sealed record ToldChange(string ImageId, bool IsGone);

/// <summary>
/// What a stretch of the change feed tells a caller: of images that it lists (asking for every visibility, hidden ones too), and of those that it listed
/// before one of the changes. Of all others it hears nothing, not even that something happened.
/// </summary>
internal sealed class FeedSight(PolicyRules policy)
{
    /// <summary>Looks at the changes after a sequence until so many images are told.</summary>
    /// <param name="caller">Who is told.</param>
    /// <param name="batch">The stretch.</param>
    /// <param name="after">What lies up to here was told before.</param>
    /// <param name="limit">Most images, at least 1.</param>
    /// <param name="last">The last change that was looked at; null for none.</param>
    public List<ToldChange> Look(Caller caller, ChangeBatch batch, long after, int limit, out ImageChange? last)
    {
        last = null;
        List<ToldChange> told = [];
        HashSet<string> ids = new(StringComparer.Ordinal);
        foreach (var change in batch.Changes)
        {
            if (change.Sequence <= after)
            {
                continue;
            }

            last = change;
            if (!ids.Contains(change.ImageId) && Tell(caller, batch, change) is { } isGone)
            {
                ids.Add(change.ImageId);
                told.Add(new ToldChange(change.ImageId, isGone));
                if (told.Count == limit)
                {
                    break;
                }
            }
        }

        return told;
    }

    private bool? Tell(Caller caller, ChangeBatch batch, ImageChange change)
    {
        var image = batch.Images.GetValueOrDefault(change.ImageId);
        if (image is not null && Lists(caller, image, batch.Members[image.Id]))
        {
            return false;
        }

        return !change.LostBy.IsEmpty && (caller.IsAdmin || change.LostBy.Holds(caller.ProjectId)) && MayHaveListed(caller, image ?? new Image { Id = change.ImageId })
            ? true
            : null;
    }

    /// <summary>The same as the registry's list and <see cref="ImageAccess.FilterAsync"/> after it; a test compares them.</summary>
    private bool Lists(Caller caller, Image image, IEnumerable<ImageMember> members)
    {
        if (image.Status is ImageStatus.Deleted or ImageStatus.Killed or ImageStatus.PendingDelete)
        {
            return false;
        }

        var membership = ImageAccess.MayBeMember(caller, image) ? members.FirstOrDefault(member => member.MemberId == caller.ProjectId) : null;
        if (caller.IsAdmin)
        {
            return policy.Allows(caller, PolicyAction.GetImage, image, isMember: false)
                || (membership is not null && policy.Allows(caller, PolicyAction.GetImage, image, isMember: true));
        }

        var isMember = membership is { Status: MemberStatus.Accepted };
        return ImageAccess.IsVisible(caller, image, isMember) && policy.Allows(caller, PolicyAction.GetImage, image, isMember);
    }

    /// <summary>
    /// Whether the rules may have let the caller see the image when it was in its list. How it was then is not kept; it is judged as what it is now, in the
    /// ways in which it can have been there. An operator's rule about properties, which a deleted image has lost, errs here.
    /// </summary>
    private bool MayHaveListed(Caller caller, Image image) =>
        policy.Allows(caller, PolicyAction.GetImage, image with { Visibility = ImageVisibility.Public }, isMember: false)
        || policy.Allows(caller, PolicyAction.GetImage, image with { Visibility = ImageVisibility.Private, Owner = caller.ProjectId }, isMember: false)
        || policy.Allows(caller, PolicyAction.GetImage, image with { Visibility = ImageVisibility.Shared }, isMember: true);
}
