using GlanceGateway.Abstractions;
using MongoDB.Bson;
using MongoDB.Driver;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>
/// The collections of a GridFS bucket, and one of ours beside them. <c>.files</c> and <c>.chunks</c> are as the GridFS specification says; a chunk
/// of ours also names its attempt, so that nothing is ever read or removed that another writer put under the same id. <c>.glance</c> holds a
/// document per unsettled attempt: <c>_id</c> names the attempt, <c>file</c> the GridFS id that it may write to, and <c>claim</c> the attempt
/// until it commits and the image from then on. Both fields are unique.
/// </summary>
internal sealed class Bucket(GridFsSettings settings) : IDisposable
{
    public const string DeletingField = "metadata.glance_deleting";
    public const string AttemptField = "metadata.glance_attempt";
    public const string FileField = "file";
    public const string ClaimField = "claim";
    public const string SettlingField = "settling";
    public const string SettledField = "settled";

    // So that no request takes minutes: a GiB of chunks of 1 MiB.
    private const int RemovedAtOnce = 1024;

    private readonly MongoClient client = new(settings.Client);

    public static FilterDefinitionBuilder<BsonDocument> Where => Builders<BsonDocument>.Filter;

    public static UpdateDefinitionBuilder<BsonDocument> Change => Builders<BsonDocument>.Update;

    public IMongoCollection<BsonDocument> Files => Collection("files");

    public IMongoCollection<BsonDocument> Chunks => Collection("chunks");

    public IMongoCollection<BsonDocument> Attempts => Collection("glance");

    /// <summary>Makes the indexes that are missing.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        var keys = Builders<BsonDocument>.IndexKeys;
        var unique = new CreateIndexOptions { Unique = true };
        await Chunks.Indexes.CreateOneAsync(new CreateIndexModel<BsonDocument>(keys.Ascending("files_id").Ascending("n"), unique), cancellationToken: cancellationToken);
        await Files.Indexes.CreateOneAsync(new CreateIndexModel<BsonDocument>(keys.Ascending("filename").Ascending("uploadDate")), cancellationToken: cancellationToken);
        await Attempts.Indexes.CreateOneAsync(new CreateIndexModel<BsonDocument>(keys.Ascending(FileField), unique), cancellationToken: cancellationToken);
        await Attempts.Indexes.CreateOneAsync(new CreateIndexModel<BsonDocument>(keys.Ascending(ClaimField), unique), cancellationToken: cancellationToken);
    }

    /// <summary>A file's document, or null.</summary>
    public async Task<BsonDocument?> FindFileAsync(string fileId, CancellationToken cancellationToken) =>
        await Files.Find(Where.Eq("_id", fileId)).FirstOrDefaultAsync(cancellationToken);

    /// <summary>Whether there is a chunk of an id, whoever wrote it.</summary>
    public async Task<bool> HasChunksAsync(string fileId, CancellationToken cancellationToken) =>
        await Chunks.Find(Where.Eq("files_id", fileId)).Project("{ n: 1 }").Limit(1).AnyAsync(cancellationToken);

    /// <summary>The chunks of a file that belong to an attempt, or to none of ours.</summary>
    public static FilterDefinition<BsonDocument> ChunksOf(string fileId, string? attempt) =>
        Where.Eq("files_id", fileId) & (attempt is null ? Where.Exists("attempt", false) : Where.Eq("attempt", attempt));

    /// <summary>Removes a file: it is marked before its chunks go, and its document goes last, so that a removal that broke off can be finished.</summary>
    /// <returns>Whether there was one.</returns>
    public async Task<bool> RemoveFileAsync(FilterDefinition<BsonDocument> which, CancellationToken cancellationToken)
    {
        var file = await Files.FindOneAndUpdateAsync(which, Change.Set(DeletingField, true), cancellationToken: cancellationToken);
        if (file is null)
            return false;
        await RemoveChunksAsync(file["_id"].AsString, AttemptOf(file), cancellationToken);
        await Files.DeleteOneAsync(which & Where.Eq(DeletingField, true), cancellationToken);
        return true;
    }

    /// <summary>Removes the chunks of a file that belong to an attempt, or to none of ours.</summary>
    public async Task RemoveChunksAsync(string fileId, string? attempt, CancellationToken cancellationToken)
    {
        var which = ChunksOf(fileId, attempt);
        while (await Chunks.Find(which).Project("{ n: 1 }").Sort("{ n: -1 }").Limit(1).FirstOrDefaultAsync(cancellationToken) is { } last)
            await Chunks.DeleteManyAsync(which & Where.Gt("n", last["n"].ToInt32() - RemovedAtOnce), cancellationToken);
    }

    /// <summary>The ids of all files and attempts under which there are chunks.</summary>
    public async Task<IReadOnlyList<string>> ListChunkOwnersAsync(CancellationToken cancellationToken)
    {
        var ids = await (await Chunks.DistinctAsync<BsonValue>("files_id", Where.Empty, cancellationToken: cancellationToken)).ToListAsync(cancellationToken);
        return [.. ids.Where(id => id.IsString).Select(id => id.AsString)];
    }

    /// <summary>Which attempt of ours wrote a file, or null.</summary>
    public static string? AttemptOf(BsonDocument file) =>
        file.TryGetValue("metadata", out var metadata) && metadata is BsonDocument fields && fields.TryGetValue("glance_attempt", out var attempt) && attempt.IsString
            ? attempt.AsString
            : null;

    /// <summary>Whether somebody began to delete a file.</summary>
    public static bool IsBeingDeleted(BsonDocument file) =>
        file.TryGetValue("metadata", out var metadata) && metadata is BsonDocument fields && fields.Contains("glance_deleting");

    /// <summary>Runs a request, and makes of the library's exceptions what may leave.</summary>
    /// <exception cref="StoreException">It failed.</exception>
    public async Task<T> RunAsync<T>(string what, string? key, Func<Task<T>> request, CancellationToken cancellationToken)
    {
        try
        {
            return await request();
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Faults.Of(exception, what, settings.Servers, key);
        }
    }

    public void Dispose() => client.Dispose();

    private IMongoCollection<BsonDocument> Collection(string name) =>
        client.GetDatabase(settings.Database).GetCollection<BsonDocument>($"{settings.Bucket}.{name}");
}
