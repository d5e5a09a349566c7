using System.Buffers;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// A forward stream over a source: blocks are asked for in order ahead of the reader, one at first and one more with every block that is used
/// up, so that a short look costs little and a long download keeps several objects busy. Never beyond its end. Asynchronous only.
/// </summary>
internal sealed class ReadAheadStream(RbdSource source, long offset, long end, int mostBlocks) : Stream
{
    private const int BlockSize = 2 * 1024 * 1024;

    private readonly Queue<(Task Reading, byte[] Block, int Length)> ahead = new();
    private long next = offset;
    private int window = 1;
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

        var (reading, block, length) = ahead.Peek();
        await source.WaitAsync(reading, cancellationToken);
        var count = Math.Min(buffer.Length, length - used);
        block.AsSpan(used, count).CopyTo(buffer.Span);
        used += count;
        if (used == length)
        {
            ahead.Dequeue();
            RbdSource.GiveBack(reading, block);
            used = 0;
            window = Math.Min(window + 1, mostBlocks);
            AskAhead();
        }

        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

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
        if (disposing && !disposed)
        {
            disposed = true;
            foreach (var (reading, block, _) in ahead)
                RbdSource.GiveBack(reading, block);
            ahead.Clear();
        }

        base.Dispose(disposing);
    }

    private void AskAhead()
    {
        while (ahead.Count < window && next < end)
        {
            // Blocks end on multiples of their size, so that none crosses an object.
            var length = (int)Math.Min(BlockSize - (next % BlockSize), end - next);
            var block = ArrayPool<byte>.Shared.Rent(length);
            ahead.Enqueue((source.FillAsync(next, block, length), block, length));
            next += length;
        }
    }
}
