using System.Diagnostics;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>A writer behind its store's guard. Dispose never throws: what the clean-up could not remove is residue, and is logged.</summary>
internal sealed class GuardedWriter(IStoreWriter inner, StoreGuard guard) : IStoreWriter
{
    private IStoreWriter? inner = inner;
    private bool disposed;

    public int PreferredWriteSize { get; } = inner.PreferredWriteSize;

    private IStoreWriter Inner => inner ?? throw new ObjectDisposedException(nameof(GuardedWriter));

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var outcome = await Inner.WriteAsync(data, cancellationToken);
            guard.Record("write", outcome, started);
            if (outcome == StoreOutcome.Ok)
                guard.Count("write", data.Length);
            return outcome;
        }
        catch (Exception exception)
        {
            throw guard.Translate("write", started, exception, cancellationToken, disposed: disposed);
        }
    }

    public async ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var outcome = await Inner.WriteZerosAsync(length, cancellationToken);
            guard.Record("write_zeros", outcome, started);
            if (outcome == StoreOutcome.Ok)
                guard.Count("hole", length);
            return outcome;
        }
        catch (Exception exception)
        {
            throw guard.Translate("write_zeros", started, exception, cancellationToken, disposed: disposed);
        }
    }

    public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var limit = guard.StartCommitLimit();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            var result = await Inner.CommitAsync(either.Token);
            guard.Record("commit", result.Outcome, started);

            // Copied, because the dictionary's type may be the plugin's own.
            return result.Value is { } stored
                ? result with { Value = stored with { Metadata = new Dictionary<string, string>(stored.Metadata) } }
                : result;
        }
        catch (Exception exception)
        {
            throw guard.Translate("commit", started, exception, cancellationToken, limit.IsCancellationRequested ? guard.Options.CommitTimeout : null, disposed);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        await guard.DisposeQuietlyAsync("dispose_writer", Inner);

        // Whoever keeps a disposed writer must not keep the plugin's code in memory.
        inner = null;
        guard.Leave(transfer: true);
    }
}
