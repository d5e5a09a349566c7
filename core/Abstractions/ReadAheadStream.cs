using System.Buffers;

namespace GlanceGateway.Abstractions;

/// <summary>
/// A forward stream over the random access of a source that answers many requests at once: blocks are asked for in order ahead of the reader, two at
/// first and one more with every block that is used up, so that a short look costs little and a long download keeps the line full. Never beyond its
/// end. Asynchronous only, for one reader; disposing it ends the requests in flight and leaves the source open.
/// </summary>
/// <param name="source">Stays the caller's, and must outlive the stream.</param>
/// <param name="blockSize">Bytes of a request, more than 0; requests end at multiples of it. Usually <see cref="ByteSourceHints.BestRequestSize"/>.</param>
/// <param name="mostBlocks">Requests in flight and answers waiting, at least 1: the stream holds as many blocks. Usually <see cref="ByteSourceHints.Parallelism"/>.</param>
/// <param name="offset">From 0 to <paramref name="end"/>.</param>
/// <param name="end">Where the stream ends; at most the length of the source.</param>
public sealed class ReadAheadStream(IByteSource source, int blockSize, int mostBlocks, long offset, long end) : Stream
{
    private readonly Queue<(Task<int> Read, byte[] Buffer, int Length)> ahead = new();
    private readonly CancellationTokenSource closing = new();
    private long next = offset;
    private int window = Math.Min(2, mostBlocks);
    private int used;
    private bool disposed;

    /// <inheritdoc/>
    public override bool CanRead => !disposed;

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
    /// <exception cref="StoreException">What the source throws; <see cref="StoreError.Changed"/> when it ends before the stream does.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        AskAhead();
        if (buffer.IsEmpty || ahead.Count == 0)
            return 0;

        var (read, block, length) = ahead.Peek();
        if (await read.WaitAsync(cancellationToken) < length)
            throw new StoreException(StoreError.Changed, $"The object ends before byte {end}.");
        var count = Math.Min(buffer.Length, length - used);
        block.AsSpan(used, count).CopyTo(buffer.Span);
        used += count;
        if (used == length)
        {
            ahead.Dequeue();
            ArrayPool<byte>.Shared.Return(block);
            used = 0;
            window = Math.Min(window + 1, mostBlocks);
            AskAhead();
        }

        return count;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        await closing.CancelAsync();
        foreach (var (read, block, _) in ahead)
        {
            // A block goes back to the pool only when nothing fills it any more.
            await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ArrayPool<byte>.Shared.Return(block);
        }

        closing.Dispose();
        await base.DisposeAsync();
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("Read it asynchronously: a blocked thread per download does not scale.");

    /// <inheritdoc/>
    public override void Flush()
    {
        // Nothing is buffered for writing.
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A forward stream cannot seek.");

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException("A source is never written.");

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A source is never written.");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Disposed without waiting: the blocks in flight are left to the collector.
        if (disposing && !disposed)
        {
            disposed = true;
            closing.Cancel();
        }

        base.Dispose(disposing);
    }

    private void AskAhead()
    {
        while (ahead.Count < window && next < end)
        {
            // Blocks end where requests do, so that each costs one.
            var length = (int)Math.Min(blockSize - (next % blockSize), end - next);
            var block = ArrayPool<byte>.Shared.Rent(length);
            ahead.Enqueue((source.ReadAsync(next, block.AsMemory(0, length), closing.Token).AsTask(), block, length));
            next += length;
        }
    }
}
