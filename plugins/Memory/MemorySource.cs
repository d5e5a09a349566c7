using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Memory;

/// <summary>An open object: safe for many readers because the content never changes once it has a name.</summary>
internal sealed class MemorySource(Content content) : IByteSource, IExtentMap
{
    private volatile bool disposed;

    public long? Length => content.Length;

    public string Validator => content.Validator;

    public ByteSourceHints Hints { get; } = new(Content.ChunkSize, Parallelism: 1, Ranges: true);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(content.Read(offset, buffer.Span));
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult<Stream>(new ByteSourceStream(this, offset, length));
    }

    public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, content.Length);
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(content.ExtentAt(offset));
    }

    public ValueTask DisposeAsync()
    {
        disposed = true;
        return ValueTask.CompletedTask;
    }
}
