namespace GlanceGateway.Images;

/// <summary>What comes out of compressed data, read forward: a bomb, data packed twice and damage become refusals.</summary>
internal sealed class UnpackedStream(Stream unpacked, long packedLength, int maxRatio) : ForwardStream(unpacked)
{
    /// <summary>Small things may be all zeros: no harm comes of less than this.</summary>
    private const long Harmless = 16L << 20;

    private readonly byte[] front = new byte[4];
    private long total;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count;
        try
        {
            count = await Inner.ReadAsync(buffer, cancellationToken);
        }
        catch (InvalidDataException fault)
        {
            throw Decompression.Refusal("it is damaged or cut off", fault);
        }

        if (total < front.Length && count > 0)
        {
            var seen = (int)Math.Min(front.Length - total, count);
            buffer.Span[..seen].CopyTo(front.AsSpan((int)total));
            if (Decompression.IsCompressed(front.AsSpan(0, (int)total + seen)))
            {
                throw Decompression.Refusal("what it holds is compressed again");
            }
        }

        total += count;
        return total <= Harmless || total / maxRatio <= packedLength
            ? count
            : throw Decompression.Refusal($"it grows to more than {maxRatio} times its size");
    }
}
