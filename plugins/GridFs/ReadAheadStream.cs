using System.Buffers;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>
/// A forward stream over a source: blocks are asked for in order ahead of the reader, two at first and one more with every block that is
/// used up, so that a short look costs little and a long download keeps the line full. Never beyond its end. Asynchronous only.
/// </summary>
internal sealed class ReadAheadStream(GridFsSource source, int blockSize, int mostBlocks, long offset, long end) : Stream
{
    private readonly Queue<(Task<int> Read, byte[] Buffer)> ahead = new();
    private readonly CancellationTokenSource closing = new();
    private long next = offset;
    private int window = Math.Min(2, mostBlocks);
    private int used;
    private bool disposed;

    public override bool CanRead => !disposed;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException("A forward stream does not tell its length.");

    public override long Position
    {
        get => throw new NotSupportedException("A forward stream has no position.");
        set => throw new NotSupportedException("A forward stream has no position.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        AskAhead();
        if (buffer.IsEmpty || ahead.Count == 0)
            return 0;

        var (read, block) = ahead.Peek();
        var length = await read.WaitAsync(cancellationToken);
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

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        await closing.CancelAsync();
        foreach (var (read, block) in ahead)
        {
            // A block goes back to the pool only when nothing fills it any more.
            await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ArrayPool<byte>.Shared.Return(block);
        }

        closing.Dispose();
        await base.DisposeAsync();
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("Read it asynchronously: a blocked thread per download does not scale.");

    public override void Flush()
    {
        // Nothing is buffered for writing.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A forward stream cannot seek.");

    public override void SetLength(long value) => throw new NotSupportedException("A source is never written.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A source is never written.");

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
            ahead.Enqueue((source.ReadAsync(next, block.AsMemory(0, length), closing.Token).AsTask(), block));
            next += length;
        }
    }
}
