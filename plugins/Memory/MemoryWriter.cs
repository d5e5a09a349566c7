using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Memory;

/// <summary>One attempt. The host calls one member at a time, so there is no lock here.</summary>
internal sealed class MemoryWriter(MemoryDriver driver, WriteAttempt attempt, Content content) : IStoreWriter
{
    private StoreResult<StoredObject>? committed;

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

        // A repeated commit gives the same result, whatever was settled in between.
        if (committed is { } already)
            return ValueTask.FromResult(already);
        var result = driver.Publish(attempt, content);
        if (result.IsOk)
            committed = result;
        return ValueTask.FromResult(result);
    }

    // After a commit the attempt stays unsettled until the host has recorded the location. Without one, dispose is the abort.
    public ValueTask DisposeAsync() => committed is not null ? ValueTask.CompletedTask : driver.SettleAsync(attempt, keepCommitted: false, CancellationToken.None);
}
