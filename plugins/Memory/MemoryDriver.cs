using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using State = System.Tuple<string, System.Collections.Generic.List<byte[]?>, long[]>;

namespace GlanceGateway.Plugins.Memory;

/// <summary>
/// The reference driver: the whole contract in its simplest form, to be copied. Two tables, of objects and of attempts, make up
/// the <see cref="Backend"/>. An attempt enters <c>attempts</c> when it begins and leaves when it is aborted or settled. Commit only <em>adds</em> the object's name, and
/// the attempt stays: it is what lets <see cref="SettleAsync"/> tell this attempt's object from another's.
/// </summary>
internal sealed class MemoryDriver(string storeId, long? capacity, Backend backend) : IStorageDriver, IStoreCapacity
{
    private readonly MemoryBudget budget = new(capacity, backend.Used);

    public ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // Both checks only spare the caller a transfer; the binding ones are in the writer.
        if (backend.Objects.ContainsKey(request.Attempt.ImageId))
            return ValueTask.FromResult<StoreResult<IStoreWriter>>(StoreOutcome.Duplicate);
        if (request.DeclaredSize > budget.Free)
            return ValueTask.FromResult<StoreResult<IStoreWriter>>(StoreOutcome.Full);

        var content = new Content(budget, Content.Empty(request.Attempt.AttemptId));
        if (!backend.Attempts.TryAdd(request.Attempt, content.State))
            throw new StoreException(StoreError.Unexpected, "The same attempt began twice.", request.Attempt.ImageId);
        return ValueTask.FromResult<StoreResult<IStoreWriter>>(new MemoryWriter(this, request.Attempt, content));
    }

    public ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult<StoreResult<IByteSource>>(
            backend.Objects.TryGetValue(ImageIdOf(location), out var state) ? new MemorySource(new Content(budget, state)) : StoreOutcome.Absent);
    }

    public ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // Sources that are open keep the content alive, as an open file would; the garbage collector is our unlink.
        if (!backend.Objects.TryRemove(ImageIdOf(location), out var state))
            return ValueTask.FromResult(StoreOutcome.Absent);
        new Content(budget, state).GiveBack();
        return ValueTask.FromResult(StoreOutcome.Ok);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var (attempt, state) in backend.Attempts)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return new Residue(attempt, $"memory:{storeId}/{attempt.ImageId}", new Content(budget, state).Occupied, null);
        }

        await ValueTask.CompletedTask;
    }

    public ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();

        lock (backend.Settling)
        {
            // Not there: it left nothing, or was settled before. Both are done.
            if (!backend.Attempts.TryRemove(attempt, out var state))
                return ValueTask.CompletedTask;

            // The name goes only while it still holds this attempt's content: an object that another attempt made survives.
            var made = new KeyValuePair<string, State>(attempt.ImageId, state);
            if (!keepCommitted)
                backend.Objects.TryRemove(made);
            if (!backend.Objects.Contains(made))
                new Content(budget, state).GiveBack();
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(new StoreCapacity(budget.Total, budget.Free));
    }

    public ValueTask DisposeAsync()
    {
        backend.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Gives the finished content its name, unless the name is taken; twice by the same attempt gives the same result.</summary>
    /// <exception cref="StoreException">The attempt was settled meanwhile: it is forgotten, and must not leave an object that nobody knows of.</exception>
    internal StoreResult<StoredObject> Publish(WriteAttempt attempt, Content content)
    {
        lock (backend.Settling)
        {
            if (!backend.Attempts.ContainsKey(attempt))
                throw new StoreException(StoreError.Unexpected, "The attempt was settled before its commit.", attempt.ImageId);
            return ReferenceEquals(backend.Objects.GetOrAdd(attempt.ImageId, content.State), content.State)
                ? new StoredObject($"memory://{storeId}/{attempt.ImageId}", content.Length, new Dictionary<string, string>())
                : StoreOutcome.Duplicate;
        }
    }

    // A location comes from a database that an operator can edit, so it is checked to the letter: it must be exactly what Publish makes.
    private string ImageIdOf(string location)
    {
        var prefix = $"memory://{storeId}/";

        // The length too, because Guid trims white space.
        if (location.Length == prefix.Length + 36 && location.StartsWith(prefix, StringComparison.Ordinal) && Guid.TryParseExact(location.AsSpan(prefix.Length), "D", out _))
            return location[prefix.Length..];
        throw new StoreException(StoreError.InvalidLocation, $"The location is not {prefix}<image id>.", location);
    }
}
