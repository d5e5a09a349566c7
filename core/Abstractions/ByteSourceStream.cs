namespace GlanceGateway.Abstractions;

/// <summary>
/// A forward stream over the random access of a source: what <see cref="IByteSource.OpenRangeAsync"/> returns when the backend has no
/// streaming request of its own. Asynchronous only, for one reader; disposing it leaves the source open.
/// </summary>
public sealed class ByteSourceStream : Stream
{
    private readonly IByteSource source;
    private long offset;
    private long? remaining;

    /// <summary>Makes the stream; nothing is read yet.</summary>
    /// <param name="source">Stays the caller's, and must outlive the stream.</param>
    /// <param name="offset">From 0 to the source's length.</param>
    /// <param name="length">Bytes, or null for the rest. Cut at the end of the source when its length is known.</param>
    public ByteSourceStream(IByteSource source, long offset, long? length)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        this.source = source;
        this.offset = offset;
        remaining = source.Length is { } whole ? Math.Min(Math.Max(0, whole - offset), length ?? long.MaxValue) : length;
    }

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException("A forward stream does not tell its length.");

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException("A forward stream has no position.");
        set => throw new NotSupportedException("A forward stream has no position.");
    }

    /// <inheritdoc/>
    /// <exception cref="StoreException"><see cref="StoreError.Changed"/> when the source ends before its length.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (remaining < buffer.Length)
            buffer = buffer[..(int)remaining.Value];
        if (buffer.IsEmpty)
            return 0;
        var read = await source.ReadAsync(offset, buffer, cancellationToken);
        if (read == 0 && remaining is > 0 && source.Length is not null)
            throw new StoreException(StoreError.Changed, $"The object ends at byte {offset}, {remaining} bytes before its length.");
        offset += read;
        remaining -= read;
        return read;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("Read it asynchronously: a blocked thread per download does not scale.");

    /// <inheritdoc/>
    public override void Flush()
    {
        // Nothing is buffered.
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A forward stream cannot seek.");

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException("A source is never written.");

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A source is never written.");
}
