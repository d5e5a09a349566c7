using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>What a caller is shown of where an image's data lies.</summary>
/// <param name="DirectUrl">The location that is read first; null when none is shown.</param>
/// <param name="All">Every location, in the order in which they are read; null when they are not shown at all.</param>
public sealed record VisibleLocations(string? DirectUrl, IReadOnlyList<ImageLocation>? All)
{
    /// <summary>Nothing, as the operator wants it by default.</summary>
    public static VisibleLocations None { get; } = new(null, null);
}
