using System.Diagnostics;

namespace GlanceGateway.Stores;

/// <summary>A forward stream behind its store's guard: counts bytes and translates exceptions. Asynchronous only.</summary>
internal sealed class GuardedStream(Stream inner, StoreGuard guard) : Stream
{
    private Stream? inner = inner;
    private bool disposed;

    public override bool CanRead => true;

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
        var started = Stopwatch.GetTimestamp();
        try
        {
            var read = await (inner ?? throw new ObjectDisposedException(nameof(GuardedStream))).ReadAsync(buffer, cancellationToken);
            guard.Count("read", read);
            return read;
        }
        catch (Exception exception)
        {
            throw guard.Translate("read_range", started, exception, cancellationToken, disposed: disposed);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask DisposeAsync()
    {
        if (!disposed)
        {
            disposed = true;
            await guard.DisposeQuietlyAsync("dispose_range", inner!);
            inner = null;
        }

        await base.DisposeAsync();
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("Read it asynchronously: a blocked thread per download does not scale.");

    public override void Flush()
    {
        // Nothing is buffered.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A forward stream cannot seek.");

    public override void SetLength(long value) => throw new NotSupportedException("A source is never written.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A source is never written.");

    protected override void Dispose(bool disposing)
    {
        if (disposing && !disposed)
        {
            disposed = true;
            inner!.Dispose();
            inner = null;
        }

        base.Dispose(disposing);
    }
}
