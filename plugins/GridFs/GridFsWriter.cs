using System.Collections.Concurrent;
using GlanceGateway.Abstractions;
using MongoDB.Bson;
using MongoDB.Driver;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>
/// One attempt: chunks are filled one after the other, sent in batches of up to 4 MiB, and a bounded number of batches is under way. GridFS has
/// no holes: zeros are chunks like others.
/// </summary>
internal sealed class GridFsWriter(GridFsDriver driver, Bucket bucket, GridFsSettings settings, WriteAttempt attempt, string file) : IStoreWriter
{
    private const int BatchBytes = 4 * 1024 * 1024;

    private readonly string name = GridFsNames.OfAttempt(attempt);
    private readonly int chunksInBatch = Math.Max(1, BatchBytes / settings.ChunkSize);
    private readonly SemaphoreSlim free = new(settings.RequestsInFlight);
    private readonly ConcurrentBag<byte[]> spare = [];
    private readonly List<Task> underWay = [];
    private List<byte[]> batch = [];
    private byte[]? chunk;
    private int filled;
    private long length;
    private int nextChunk;
    private bool chunksAreStored;
    private bool disposed;
    private Exception? failure;
    private StoreResult<StoredObject>? committed;

    public int PreferredWriteSize => Math.Max(settings.ChunkSize, 1024 * 1024);

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (!data.IsEmpty)
        {
            var count = Math.Min(data.Length, Room());
            data.Span[..count].CopyTo(chunk.AsSpan(filled));
            data = data[count..];
            await AdvanceAsync(count, cancellationToken);
        }

        return Outcome();
    }

    public async ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (length > 0 && Volatile.Read(ref failure) is null)
        {
            var count = (int)Math.Min(length, Room());
            chunk.AsSpan(filled, count).Clear();
            length -= count;
            await AdvanceAsync(count, cancellationToken);
        }

        return Outcome();
    }

    public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (committed is { } already)
            return already;
        if (!chunksAreStored)
        {
            if (filled > 0)
            {
                batch.Add(chunk!.AsSpan(0, filled).ToArray());
                filled = 0;
            }

            await SendBatchAsync(cancellationToken);
            await Task.WhenAll(underWay).WaitAsync(cancellationToken);
            if (Outcome() is var outcome && outcome != StoreOutcome.Ok)
                return outcome;
            chunksAreStored = true;
        }

        var result = await driver.PublishAsync(attempt, file, length, cancellationToken);
        if (result.IsOk)
            committed = result;
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        await Task.WhenAll(underWay);
        if (committed is null)
            await driver.AbandonAsync(attempt);
        free.Dispose();
    }

    private int Room()
    {
        chunk ??= spare.TryTake(out var used) ? used : GC.AllocateUninitializedArray<byte>(settings.ChunkSize);
        return chunk.Length - filled;
    }

    private async ValueTask AdvanceAsync(int count, CancellationToken cancellationToken)
    {
        filled += count;
        length += count;
        if (filled < settings.ChunkSize)
            return;
        batch.Add(chunk!);
        chunk = null;
        filled = 0;
        if (batch.Count == chunksInBatch)
            await SendBatchAsync(cancellationToken);
    }

    private async ValueTask SendBatchAsync(CancellationToken cancellationToken)
    {
        if (batch.Count == 0)
            return;
        await free.WaitAsync(cancellationToken);
        var (chunks, first) = (batch, nextChunk);
        nextChunk += chunks.Count;
        batch = [];
        underWay.RemoveAll(task => task.IsCompleted);
        underWay.Add(SendAsync(chunks, first));
    }

    // Not cancelled: the chunks are the request's until it is answered, and an answer tells whether they are there.
    private async Task SendAsync(List<byte[]> chunks, int first)
    {
        try
        {
            if (Volatile.Read(ref failure) is not null)
                return;
            var documents = chunks.Select((bytes, i) => new BsonDocument
            {
                ["_id"] = ObjectId.GenerateNewId(),
                ["files_id"] = file,
                ["n"] = first + i,
                ["data"] = new BsonBinaryData(bytes),
                ["attempt"] = name,
            });
            await bucket.Chunks.InsertManyAsync(documents, new InsertManyOptions { IsOrdered = false });
            foreach (var bytes in chunks.Where(bytes => bytes.Length == settings.ChunkSize))
                spare.Add(bytes);
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref failure, exception, null);
        }
        finally
        {
            free.Release();
        }
    }

    private StoreOutcome Outcome() => Volatile.Read(ref failure) is not { } failed
        ? StoreOutcome.Ok
        : Faults.OutcomeOf(failed) ?? throw Faults.Of(failed, "The image could not be written", settings.Servers, attempt.ImageId);
}
