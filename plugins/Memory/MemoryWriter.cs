using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Memory;

/// <summary>One attempt. The host calls one member at a time, so there is no lock here.</summary>
internal sealed class MemoryWriter(MemoryDriver driver, WriteAttempt attempt, Content content) : IStoreWriter
{
    private bool committed;

    public int PreferredWriteSize => Content.ChunkSize;

    public ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(content.TryAppend(data.Span) ? StoreOutcome.Ok : StoreOutcome.Full);
    }

    public ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        content.AppendZeros(length);
        return ValueTask.FromResult(StoreOutcome.Ok);
    }

    public ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var result = driver.Publish(attempt, content);
        committed = result.IsOk;
        return ValueTask.FromResult(result);
    }

    // After a commit the attempt stays unsettled until the host has recorded the location. Without one, dispose is the abort.
    public ValueTask DisposeAsync() => committed ? ValueTask.CompletedTask : driver.SettleAsync(attempt, keepCommitted: false, CancellationToken.None);
}
