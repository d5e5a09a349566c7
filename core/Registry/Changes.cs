namespace GlanceGateway.Registry;

/// <summary>What changed.</summary>
public enum ChangeKind
{
    /// <summary>An image was created.</summary>
    Created,

    /// <summary>An image's attributes, status, data, tags or properties changed.</summary>
    Updated,

    /// <summary>An image was deleted.</summary>
    Deleted,

    /// <summary>An image's members changed, so who may see it may have changed.</summary>
    Members,
}

/// <summary>One row of the change feed, written in the transaction that made the change.</summary>
/// <param name="Sequence">Grows with every change, without repeats; gaps mean nothing.</param>
/// <param name="ImageId">The image.</param>
/// <param name="Kind">What changed.</param>
/// <param name="At">When.</param>
/// <param name="LostBy">Who listed the image before and not after. Empty as well in rows that a version before this record wrote.</param>
public sealed record ImageChange(long Sequence, string ImageId, ChangeKind Kind, DateTimeOffset At, Audience LostBy);

/// <summary>A stretch of the change feed, with the images that it is about as they are now: all as of one moment.</summary>
/// <param name="Before">The change after which it begins; null when there is none of that sequence, or no more.</param>
/// <param name="Changes">Oldest first.</param>
/// <param name="Images">By id, deleted ones too, which have lost properties, tags and locations.</param>
/// <param name="Members">By image, whatever they answered.</param>
public sealed record ChangeBatch(
    ImageChange? Before, IReadOnlyList<ImageChange> Changes, IReadOnlyDictionary<string, Image> Images, ILookup<string, ImageMember> Members);
