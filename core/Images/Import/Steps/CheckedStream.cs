namespace GlanceGateway.Images;

/// <summary>Counts and sums unpacked bytes as they pass, and fails at their end when either is not as it should be.</summary>
/// <param name="inner">Disposed with it.</param>
/// <param name="size">Bytes there have to be.</param>
/// <param name="crc">Their CRC-32 (ISO 3309).</param>
/// <param name="complaint">The text of the failure, an <see cref="InvalidDataException"/>.</param>
/// <param name="isSizeCut">True when only the lower 32 bits of the size are known, as in gzip.</param>
internal sealed class CheckedStream(Stream inner, long size, uint crc, string complaint, bool isSizeCut = false) : Stream
{
    private static readonly uint[] table = Table();

    private long total;
    private uint sum = uint.MaxValue;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException("Unpacked data is read forward only.");

    public override long Position
    {
        get => throw new NotSupportedException("Unpacked data is read forward only.");
        set => throw new NotSupportedException("Unpacked data is read forward only.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        total += count;
        foreach (var value in buffer.Span[..count])
        {
            sum = (sum >> 8) ^ table[(byte)(sum ^ value)];
        }

        var isEnd = count == 0 && buffer.Length > 0;
        var isSize = isSizeCut ? (uint)total == (uint)size : total == size;
        var isWrong = (!isSizeCut && total > size) || (isEnd && (!isSize || ~sum != crc));
        return isWrong ? throw new InvalidDataException(complaint) : count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Unpacked data is read asynchronously only.");

    public override void Flush()
    {
        // Nothing is written.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("Unpacked data is read forward only.");

    public override void SetLength(long value) => throw new NotSupportedException("Unpacked data is read forward only.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Unpacked data is read forward only.");

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private static uint[] Table()
    {
        var entries = new uint[256];
        for (var i = 0u; i < entries.Length; i++)
        {
            entries[i] = i;
            for (var bit = 0; bit < 8; bit++)
            {
                entries[i] = (entries[i] & 1) != 0 ? (entries[i] >> 1) ^ 0xedb88320 : entries[i] >> 1;
            }
        }

        return entries;
    }
}
