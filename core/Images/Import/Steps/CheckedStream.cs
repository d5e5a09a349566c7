using System.IO.Hashing;

namespace GlanceGateway.Images;

/// <summary>Counts and sums unpacked bytes as they pass, and fails at their end when either is not as it should be.</summary>
/// <param name="inner">Disposed with it.</param>
/// <param name="size">Bytes there have to be.</param>
/// <param name="crc">Their CRC-32 (ISO 3309).</param>
/// <param name="complaint">The text of the failure, an <see cref="InvalidDataException"/>.</param>
/// <param name="isSizeCut">True when only the lower 32 bits of the size are known, as in gzip.</param>
internal sealed class CheckedStream(Stream inner, long size, uint crc, string complaint, bool isSizeCut = false) : ForwardStream(inner)
{
    private readonly Crc32 sum = new();
    private long total;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await Inner.ReadAsync(buffer, cancellationToken);
        total += count;
        sum.Append(buffer.Span[..count]);

        var isEnd = count == 0 && buffer.Length > 0;
        var isSize = isSizeCut ? (uint)total == (uint)size : total == size;
        var isWrong = (!isSizeCut && total > size) || (isEnd && (!isSize || sum.GetCurrentHashAsUInt32() != crc));
        return isWrong ? throw new InvalidDataException(complaint) : count;
    }
}
