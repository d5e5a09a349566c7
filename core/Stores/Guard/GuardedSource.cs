using System.Diagnostics;
using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Stores;

/// <summary>A source behind its store's guard; <see cref="Wrap"/> keeps the capabilities visible to <c>is</c>, as <see cref="GuardedDriver.Wrap"/> does.</summary>
internal class GuardedSource : IByteSource
{
    private readonly StoreGuard guard;
    private IByteSource? inner;
    private int disposed;

    private GuardedSource(IByteSource inner, StoreGuard guard)
    {
        this.inner = inner;
        this.guard = guard;
        Length = inner.Length;
        Validator = inner.Validator;
        Hints = inner.Hints;
    }

    public long? Length { get; }

    public string? Validator { get; }

    public ByteSourceHints Hints { get; }

    private IByteSource Inner => inner ?? throw new ObjectDisposedException(nameof(GuardedSource));

    public static GuardedSource Wrap(IByteSource inner, StoreGuard guard) => (inner, inner) switch
    {
        (ILocalFile file, IExtentMap) => new WithFileAndExtents(inner, guard, file.Handle),
        (ILocalFile file, _) => new WithFile(inner, guard, file.Handle),
        (_, IExtentMap) => new WithExtents(inner, guard),
        _ => new GuardedSource(inner, guard),
    };

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var read = await Inner.ReadAsync(offset, buffer, cancellationToken);
            guard.Record("read", StoreOutcome.Ok, started);
            guard.Count("read", read);
            return read;
        }
        catch (Exception exception)
        {
            throw guard.Translate("read", started, exception, cancellationToken, disposed: disposed != 0);
        }
    }

    public async ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var stream = new GuardedStream(await Inner.OpenRangeAsync(offset, length, cancellationToken), guard);
            guard.Record("open_range", StoreOutcome.Ok, started);
            return stream;
        }
        catch (Exception exception)
        {
            throw guard.Translate("open_range", started, exception, cancellationToken, disposed: disposed != 0);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        await guard.DisposeQuietlyAsync("dispose_source", Inner);

        // Whoever keeps a disposed source must not keep the plugin's code in memory.
        inner = null;
        guard.Leave(transfer: true);
    }

    private async ValueTask<Extent> AskExtentAsync(long offset, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var extent = await ((IExtentMap)Inner).GetExtentAsync(offset, cancellationToken);
            guard.Record("extent", StoreOutcome.Ok, started);
            return extent;
        }
        catch (Exception exception)
        {
            throw guard.Translate("extent", started, exception, cancellationToken, disposed: disposed != 0);
        }
    }

    private sealed class WithFile(IByteSource inner, StoreGuard guard, SafeFileHandle handle) : GuardedSource(inner, guard), ILocalFile
    {
        public SafeFileHandle Handle => handle;
    }

    private sealed class WithExtents(IByteSource inner, StoreGuard guard) : GuardedSource(inner, guard), IExtentMap
    {
        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken) => AskExtentAsync(offset, cancellationToken);
    }

    private sealed class WithFileAndExtents(IByteSource inner, StoreGuard guard, SafeFileHandle handle)
        : GuardedSource(inner, guard), ILocalFile, IExtentMap
    {
        public SafeFileHandle Handle => handle;

        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken) => AskExtentAsync(offset, cancellationToken);
    }
}
