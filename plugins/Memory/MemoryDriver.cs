using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Memory;

/// <summary>
/// The reference driver: the whole contract in its simplest form, to be copied. Two tables make up the "backend":
/// <list type="bullet">
/// <item><c>objects</c>: image id → finished object, the names that locations point to;</item>
/// <item><c>attempts</c>: every attempt that is not settled, with the bytes that it wrote.</item>
/// </list>
/// An attempt enters <c>attempts</c> when it begins and leaves when it is aborted or settled. Commit only <em>adds</em> the object's name, and
/// the attempt stays: it is what lets <see cref="SettleAsync"/> tell this attempt's object from another's.
/// </summary>
internal sealed class MemoryDriver(string storeId, long? capacity) : IStorageDriver, IStoreCapacity
{
    private readonly ConcurrentDictionary<string, Content> objects = new();
    private readonly ConcurrentDictionary<WriteAttempt, Content> attempts = new();
    private readonly MemoryBudget budget = new(capacity);

    // Commit and settle of one attempt may meet when another process believes this one dead: one of them comes first.
    private readonly Lock settling = new();

    public ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // Both checks only spare the caller a transfer; the binding ones are in the writer.
        if (objects.ContainsKey(request.Attempt.ImageId))
            return ValueTask.FromResult<StoreResult<IStoreWriter>>(StoreOutcome.Duplicate);
        if (request.DeclaredSize > budget.Free)
            return ValueTask.FromResult<StoreResult<IStoreWriter>>(StoreOutcome.Full);

        var content = new Content(budget, request.Attempt.AttemptId);
        if (!attempts.TryAdd(request.Attempt, content))
            throw new StoreException(StoreError.Unexpected, "The same attempt began twice.", request.Attempt.ImageId);
        return ValueTask.FromResult<StoreResult<IStoreWriter>>(new MemoryWriter(this, request.Attempt, content));
    }

    public ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult<StoreResult<IByteSource>>(
            objects.TryGetValue(ImageIdOf(location), out var content) ? new MemorySource(content) : StoreOutcome.Absent);
    }

    public ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();

        // Sources that are open keep the content alive, as an open file would; the garbage collector is our unlink.
        if (!objects.TryRemove(ImageIdOf(location), out var content))
            return ValueTask.FromResult(StoreOutcome.Absent);
        content.GiveBack();
        return ValueTask.FromResult(StoreOutcome.Ok);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var (attempt, content) in attempts)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return new Residue(attempt, $"memory:{storeId}/{attempt.ImageId}", content.Occupied, null);
        }

        await ValueTask.CompletedTask;
    }

    public ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();

        lock (settling)
        {
            // Not there: it left nothing, or was settled before. Both are done.
            if (!attempts.TryRemove(attempt, out var content))
                return ValueTask.CompletedTask;

            // The name goes only while it still holds this attempt's content: an object that another attempt made survives.
            var made = new KeyValuePair<string, Content>(attempt.ImageId, content);
            if (!keepCommitted)
                objects.TryRemove(made);
            if (!objects.Contains(made))
                content.GiveBack();
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(new StoreCapacity(budget.Total, budget.Free));

    public ValueTask DisposeAsync()
    {
        objects.Clear();
        attempts.Clear();
        return ValueTask.CompletedTask;
    }

    /// <summary>Gives the finished content its name, unless the name is taken; twice by the same attempt gives the same result.</summary>
    /// <exception cref="StoreException">The attempt was settled meanwhile: it is forgotten, and must not leave an object that nobody knows of.</exception>
    internal StoreResult<StoredObject> Publish(WriteAttempt attempt, Content content)
    {
        lock (settling)
        {
            if (!attempts.ContainsKey(attempt))
                throw new StoreException(StoreError.Unexpected, "The attempt was settled before its commit.", attempt.ImageId);
            return objects.GetOrAdd(attempt.ImageId, content) == content
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
