using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Blocks;

/// <summary>An object that is here completely and proven: its plain file. What is evicted meanwhile stays readable through the handle.</summary>
internal sealed class CachedFile(CachedObject cached, SharedSource source, SafeFileHandle handle) : IByteSource, ILocalFile
{
    private int _disposed;

    public long? Length => cached.Length;

    public string? Validator => null;

    public ByteSourceHints Hints { get; } = new(1 << 20, 4, Ranges: true);

    public SafeFileHandle Handle => handle;

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        var done = 0;
        while (done < buffer.Length && await RandomAccess.ReadAsync(handle, buffer[done..], offset + done, cancellationToken) is > 0 and var read)
            done += read;
        cached.CountHit(done);
        return done;
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return ValueTask.FromResult<Stream>(new ByteSourceStream(this, offset, length));
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        handle.Dispose();
        cached.Leave();
        await source.ReleaseAsync();
    }
}
