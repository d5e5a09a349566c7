namespace GlanceGateway.Formats;

public sealed partial class FormatInspector
{
    /// <summary>What the formats want of the front of nearly every image; read at once instead of region by region.</summary>
    private const int FrontLength = 40 * 1024;

    /// <summary>Inspects an image that can be read at any place: reads its front, its end and the few regions that a header points to, not the rest.</summary>
    /// <param name="read">Reads bytes at an offset into the memory: how many, which may be fewer than asked for; 0 at the end. What it throws comes through.</param>
    /// <param name="length">Bytes of the image. When it turns out shorter, it is judged as one that was cut off.</param>
    /// <param name="cancellationToken">Passed to <paramref name="read"/>.</param>
    /// <returns>The same as for the streamed bytes.</returns>
    public static async Task<InspectionResult> InspectAsync(
        Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, long length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        var front = await RegionAsync(read, 0, (int)Math.Min(FrontLength, length), cancellationToken);
        var tailLength = (int)Math.Min(Capture.TailLength, length);
        var tail = length <= FrontLength
            ? front[Math.Max(0, front.Length - tailLength)..]
            : await RegionAsync(read, length - tailLength, tailLength, cancellationToken);

        var probes = CreateProbes();
        foreach (var probe in probes)
        {
            foreach (var capture in probe.Inspect())
            {
                if (capture.AtEnd)
                {
                    capture.FillEnd(length, tail.Span);
                }
                else if (capture.Offset + capture.Length <= front.Length || length <= FrontLength)
                {
                    capture.Fill(0, front.Span);
                }
                else if (capture.Offset < length)
                {
                    var region = await RegionAsync(read, capture.Offset, (int)Math.Min(capture.Length, length - capture.Offset), cancellationToken);
                    capture.Fill(capture.Offset, region.Span);
                }
            }
        }

        return InspectionResult.Of(probes, length);
    }

    private static async Task<ReadOnlyMemory<byte>> RegionAsync(
        Func<long, Memory<byte>, CancellationToken, ValueTask<int>> read, long offset, int length, CancellationToken cancellationToken)
    {
        var buffer = new byte[length];
        var count = 0;
        while (count < length)
        {
            var n = await read(offset + count, buffer.AsMemory(count), cancellationToken);
            if (n <= 0)
            {
                break;
            }

            count += n;
        }

        return buffer.AsMemory(0, count);
    }
}
