using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using MongoDB.Bson;
using MongoDB.Driver;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>
/// One GridFS file per image in one bucket.
/// <para>
/// An attempt first enters itself in the collection <c>.glance</c> and takes the GridFS id under which it will write: the image's own, or a fresh one
/// while another attempt or somebody's leftover chunks have that. So no two writers ever share an id, which would damage the chunks of both.
/// Commit turns the attempt's claim into one for the image, which a unique index grants once, and then adds the document in <c>.files</c>, which
/// makes the file. Invariants:
/// </para>
/// <list type="bullet">
/// <item>a file's document never appears before all its chunks are on a majority of the servers, and never replaces another;</item>
/// <item>chunks are removed only together with their attempt's name: those of another writer under the same id stay;</item>
/// <item>settling first marks the attempt, and a commit looks for the mark after its document: whichever comes first, the other one knows;</item>
/// <item>a committed image either has the image's own id, or its claim stays in <c>.glance</c> for as long as it exists.</item>
/// </list>
/// <para>
/// What a crash leaves is an attempt in <c>.glance</c> with chunks that belong to it; a writer that outlives its settling can leave chunks alone,
/// which are found by the ids that have chunks but no file.
/// </para>
/// </summary>
internal sealed class GridFsDriver(GridFsSettings settings, Bucket bucket, IStoreContext context) : IStorageDriver
{
    private static readonly FindOneAndUpdateOptions<BsonDocument> afterwards = new() { ReturnDocument = ReturnDocument.After };

    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        var attempt = request.Attempt;
        var name = GridFsNames.OfAttempt(attempt);
        try
        {
            if (await IsTakenAsync(attempt.ImageId, cancellationToken))
                return StoreOutcome.Duplicate;
            var file = await bucket.HasChunksAsync(attempt.ImageId, cancellationToken) ? name : attempt.ImageId;
            if (!await EnterAsync(name, file, cancellationToken) && (file == name || !await EnterAsync(file = name, name, cancellationToken)))
                throw new StoreException(StoreError.Unexpected, "The same attempt began twice.", attempt.ImageId);

            // Again, because between the question and the entry another attempt may have committed and left.
            if (!await IsTakenAsync(attempt.ImageId, cancellationToken))
                return new GridFsWriter(this, bucket, settings, attempt, file);
            await bucket.Attempts.DeleteOneAsync(Bucket.Where.Eq("_id", name), cancellationToken);
            return StoreOutcome.Duplicate;
        }
        catch (Exception exception) when (exception is not OperationCanceledException and not StoreException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return Faults.OutcomeOf(exception) is { } outcome
                ? new StoreResult<IStoreWriter>(outcome, null, exception.Message)
                : throw Faults.Of(exception, "The upload could not begin", settings.Servers, attempt.ImageId);
        }
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var id = GridFsNames.FileIn(location);
        var file = await bucket.RunAsync("The image could not be opened", location, () => bucket.FindFileAsync(id, cancellationToken), cancellationToken);
        return file is null || Bucket.IsBeingDeleted(file) ? StoreOutcome.Absent : GridFsSource.Of(bucket, file, location);
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        var id = GridFsNames.FileIn(location);
        return await bucket.RunAsync(
            "The image could not be deleted",
            location,
            async () =>
            {
                var found = await bucket.RemoveFileAsync(Bucket.Where.Eq("_id", id), cancellationToken);
                await bucket.Attempts.DeleteManyAsync(Bucket.Where.Eq(Bucket.FileField, id) & Bucket.Where.Eq(Bucket.SettledField, true), cancellationToken);
                return found ? StoreOutcome.Ok : StoreOutcome.Absent;
            },
            cancellationToken);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var residue in await bucket.RunAsync("What attempts left could not be listed", null, () => FindResidueAsync(cancellationToken), cancellationToken))
            yield return residue;
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken) =>
        await bucket.RunAsync("The attempt could not be settled", attempt.ImageId, () => ForgetAsync(attempt, keepCommitted, cancellationToken), cancellationToken);

    public ValueTask DisposeAsync()
    {
        bucket.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Makes the attempt's chunks the image. Repeatable.</summary>
    internal Task<StoreResult<StoredObject>> PublishAsync(WriteAttempt attempt, string file, long size, CancellationToken cancellationToken) =>
        bucket.RunAsync("The image could not be committed", attempt.ImageId, () => CommitAsync(attempt, file, size, cancellationToken), cancellationToken);

    /// <summary>Removes what an attempt left. Never throws: what stays is residue.</summary>
    internal async Task AbandonAsync(WriteAttempt attempt)
    {
        try
        {
            using var limit = new CancellationTokenSource(settings.Client.ConnectTimeout + settings.OperationTimeout, context.Time);
            await SettleAsync(attempt, keepCommitted: false, limit.Token);
        }
        catch (Exception exception) when (exception is StoreException or OperationCanceledException)
        {
            context.Log(StoreLogLevel.Warning, $"The chunks of attempt '{GridFsNames.OfAttempt(attempt)}' could not be removed and are left as residue: {exception.Message}");
        }
    }

    private async Task<bool> IsTakenAsync(string imageId, CancellationToken cancellationToken) =>
        await bucket.FindFileAsync(imageId, cancellationToken) is not null
        || await bucket.Attempts.Find(Bucket.Where.Eq(Bucket.ClaimField, imageId)).AnyAsync(cancellationToken);

    private async Task<bool> EnterAsync(string name, string file, CancellationToken cancellationToken)
    {
        try
        {
            await bucket.Attempts.InsertOneAsync(
                new BsonDocument { ["_id"] = name, [Bucket.FileField] = file, [Bucket.ClaimField] = name, ["begun"] = context.Time.GetUtcNow().UtcDateTime },
                cancellationToken: cancellationToken);
            return true;
        }
        catch (MongoWriteException exception) when (Faults.IsDuplicate(exception))
        {
            return false;
        }
    }

    private async Task<StoreResult<StoredObject>> CommitAsync(WriteAttempt attempt, string file, long size, CancellationToken cancellationToken)
    {
        var name = GridFsNames.OfAttempt(attempt);
        var open = Bucket.Where.Eq("_id", name) & Bucket.Where.Exists(Bucket.SettlingField, false);
        try
        {
            var claimed = await bucket.Attempts.UpdateOneAsync(open, Bucket.Change.Set(Bucket.ClaimField, attempt.ImageId), cancellationToken: cancellationToken);
            if (claimed.MatchedCount == 0)
                throw Settled(attempt);
        }
        catch (MongoWriteException exception) when (Faults.IsDuplicate(exception))
        {
            return StoreOutcome.Duplicate;
        }

        // A file with the image's own id needs no claim any more once it is settled.
        if (file != attempt.ImageId && await bucket.FindFileAsync(attempt.ImageId, cancellationToken) is not null)
            return await GiveUpClaimAsync();
        try
        {
            var document = new BsonDocument
            {
                ["_id"] = file,
                ["length"] = size,
                ["chunkSize"] = settings.ChunkSize,
                ["uploadDate"] = context.Time.GetUtcNow().UtcDateTime,
                ["filename"] = attempt.ImageId,
                ["metadata"] = new BsonDocument("glance_attempt", name),
            };
            await bucket.Files.WithWriteConcern(WriteConcern.WMajority.With(journal: true)).InsertOneAsync(document, cancellationToken: cancellationToken);
        }
        catch (MongoWriteException exception) when (Faults.IsDuplicate(exception))
        {
            // Our own of an earlier try whose answer was lost is a success.
            if (await bucket.FindFileAsync(file, cancellationToken) is not { } other || Bucket.AttemptOf(other) != name)
                return await GiveUpClaimAsync();
        }

        if (await bucket.Attempts.Find(open).AnyAsync(cancellationToken))
            return new StoredObject(GridFsNames.LocationOf(file), size, new Dictionary<string, string>());
        await bucket.RemoveFileAsync(FileOf(file, name), cancellationToken);
        throw Settled(attempt);

        async Task<StoreResult<StoredObject>> GiveUpClaimAsync()
        {
            await bucket.Attempts.UpdateOneAsync(open, Bucket.Change.Set(Bucket.ClaimField, name), cancellationToken: cancellationToken);
            return StoreOutcome.Duplicate;
        }
    }

    private async Task<bool> ForgetAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        var name = GridFsNames.OfAttempt(attempt);
        var unsettled = Bucket.Where.Eq("_id", name) & Bucket.Where.Exists(Bucket.SettledField, false);
        var entry = await bucket.Attempts.FindOneAndUpdateAsync(unsettled, Bucket.Change.Set(Bucket.SettlingField, true), afterwards, cancellationToken);
        if (entry is null)
        {
            // A writer that did not know that it was settled may have gone on.
            foreach (var id in (string[])[attempt.ImageId, name])
            {
                if (!await bucket.Files.Find(FileOf(id, name)).AnyAsync(cancellationToken))
                    await bucket.RemoveChunksAsync(id, name, cancellationToken);
            }

            return true;
        }

        var file = entry[Bucket.FileField].AsString;
        if (!keepCommitted)
            await bucket.RemoveFileAsync(FileOf(file, name), cancellationToken);
        var isCommitted = await bucket.Files.Find(FileOf(file, name)).AnyAsync(cancellationToken);
        if (!isCommitted)
            await bucket.RemoveChunksAsync(file, name, cancellationToken);
        if (isCommitted && file != attempt.ImageId)
            await bucket.Attempts.UpdateOneAsync(unsettled, Bucket.Change.Set(Bucket.SettledField, true).Unset(Bucket.SettlingField), cancellationToken: cancellationToken);
        else
            await bucket.Attempts.DeleteOneAsync(unsettled, cancellationToken);
        return true;
    }

    private async Task<List<Residue>> FindResidueAsync(CancellationToken cancellationToken)
    {
        var found = new List<Residue>();
        var entries = await bucket.Attempts.Find(Bucket.Where.Empty).ToListAsync(cancellationToken);
        foreach (var entry in entries.Where(entry => !entry.Contains(Bucket.SettledField)))
        {
            if (GridFsNames.TryParseAttempt(entry["_id"].AsString, out var attempt))
                found.Add(new Residue(attempt, $"{settings.Database}.{settings.Bucket} {entry[Bucket.FileField].AsString}", null, new DateTimeOffset(entry["begun"].ToUniversalTime())));
        }

        var known = entries.Select(entry => entry[Bucket.FileField].AsString).ToHashSet();
        foreach (var batch in (await bucket.ListChunkOwnersAsync(cancellationToken)).Where(id => !known.Contains(id)).Chunk(1000))
        {
            var files = await bucket.Files.Find(Bucket.Where.In("_id", batch)).Project("{ _id: 1 }").ToListAsync(cancellationToken);
            foreach (var orphan in batch.Except(files.Select(file => file["_id"].AsString)))
            {
                var chunk = await bucket.Chunks.Find(Bucket.Where.Eq("files_id", orphan)).Project("{ attempt: 1 }").Limit(1).FirstOrDefaultAsync(cancellationToken);
                if (chunk?.GetValue("attempt", "") is { IsString: true } writer && GridFsNames.TryParseAttempt(writer.AsString, out var attempt))
                    found.Add(new Residue(attempt, $"{settings.Database}.{settings.Bucket} {orphan}", null, null));
            }
        }

        return found;
    }

    private static FilterDefinition<BsonDocument> FileOf(string file, string attempt) =>
        Bucket.Where.Eq("_id", file) & Bucket.Where.Eq(Bucket.AttemptField, attempt);

    private static StoreException Settled(WriteAttempt attempt) =>
        new(StoreError.Unexpected, "The attempt was settled before its commit.", attempt.ImageId);
}
