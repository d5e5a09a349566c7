namespace GlanceGateway.Plugins.Swift;

/// <summary>
/// How large each segment is. A manifest takes a thousand segments on most clusters. A declared size is spread evenly; an image of unknown
/// size doubles its segments after each tenth of them, so that a small image has small ones and a thousand of 10 MiB first hold 1 TB.
/// </summary>
internal sealed class SegmentPlan(long segmentSize, long? declaredSize, int mostSegments, long largestSegment)
{
    private const long MiB = 1024 * 1024;

    private readonly long _even = declaredSize > segmentSize * mostSegments
        ? ((declaredSize.Value + (mostSegments * MiB) - 1) / (mostSegments * MiB)) * MiB
        : segmentSize;

    /// <summary>Segments of an image.</summary>
    public int MostSegments => mostSegments;

    /// <summary>Whether any plan can hold as many bytes.</summary>
    public bool Fits(long size) => size <= largestSegment * mostSegments;

    /// <summary>Bytes of a segment.</summary>
    /// <param name="number">From 1.</param>
    public long SizeOf(int number)
    {
        if (declaredSize is not null)
            return Math.Min(_even, largestSegment);
        var doublings = Math.Min((number - 1) / Math.Max(1, mostSegments / 10), 32);
        return segmentSize > largestSegment >> doublings ? largestSegment : segmentSize << doublings;
    }
}
