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
public sealed record ImageChange(long Sequence, string ImageId, ChangeKind Kind, DateTimeOffset At);
