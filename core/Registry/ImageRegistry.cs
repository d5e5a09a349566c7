using System.Data.Common;
using DbUp.Engine;
using GlanceGateway.Registry.Database;
using GlanceGateway.Registry.Sql;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Registry;

/// <summary>How a registry is opened.</summary>
public sealed record RegistryOptions
{
    /// <summary>The SQLite file; created when missing. Null when <see cref="Postgres"/> is the place.</summary>
    public string? DatabasePath { get; init; }

    /// <summary>The PostgreSQL database; null for a SQLite file.</summary>
    public PostgresOptions? Postgres { get; init; }

    /// <summary>This gateway's instance id: the owner of its leases. Stays the same over restarts on one data directory.</summary>
    public required string InstanceId { get; init; }

    /// <summary>How long the database may take over one page of images. What is indexed takes milliseconds.</summary>
    public TimeSpan ListTimeout { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>The truth about images, in SQL. Safe for concurrent use.</summary>
public sealed class ImageRegistry : IAsyncDisposable
{
    /// <summary>How many rows one unit of work prunes: other units wait for it.</summary>
    private const int ChangesPrunedAtOnce = 5000;

    private readonly IRegistryEngine _engine;
    private readonly TimeSpan _listTimeout;
    private int _disposed;

    private ImageRegistry(RegistryOptions options, IRegistryEngine engine)
    {
        InstanceId = options.InstanceId;
        _listTimeout = options.ListTimeout;
        _engine = engine;
        Metadefs = new MetadefRegistry(engine);
    }

    /// <summary>
    /// Opens the registry. A SQLite file is migrated to this version's schema, after copying the file when there is something to migrate; a
    /// PostgreSQL database must have been migrated by <see cref="MigrateAsync"/>.
    /// </summary>
    /// <param name="options">Which registry.</param>
    /// <param name="time">The time of a SQLite registry. PostgreSQL has its own, unless this is not <see cref="TimeProvider.System"/>.</param>
    /// <param name="loggers">Takes the log.</param>
    /// <param name="cancellationToken">Gives up opening.</param>
    /// <exception cref="RegistryException">The schema is not this version's, it is not a registry, or it cannot be reached.</exception>
    public static Task<ImageRegistry> OpenAsync(RegistryOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        OpenAsync(options, options.Postgres is null ? SqliteSchema.Scripts : PostgresSchema.Scripts, time, loggers, cancellationToken);

    /// <summary>Brings the registry to this version's schema and closes it again. On PostgreSQL gateways of the version before may run meanwhile.</summary>
    /// <exception cref="RegistryException">The schema is newer than this version, it is not a registry, or it cannot be reached.</exception>
    public static Task MigrateAsync(RegistryOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        MigrateAsync(options, options.Postgres is null ? SqliteSchema.Scripts : PostgresSchema.Scripts, time, loggers, cancellationToken);

    /// <summary>This gateway's instance id.</summary>
    public string InstanceId { get; }

    /// <summary>Metadata definitions.</summary>
    public MetadefRegistry Metadefs { get; }

    /// <summary>Runs a unit of work: it commits as a whole and durably before the task ends, or not at all. It may run again after a
    /// conflict, so it must touch nothing but the transaction, and it must not wait for bytes or the network. Cancelling withdraws a unit that
    /// has not started; one that has is finished.</summary>
    /// <exception cref="RegistryException">The database could not write; nothing of the unit is written.</exception>
    public Task<T> WriteAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unitOfWork, CancellationToken cancellationToken) =>
        _engine.WriteAsync(unitOfWork, cancellationToken);

    /// <summary>An image by id, with properties, tags and locations; null when there is none or it is deleted.</summary>
    public Task<Image?> FindImageAsync(string id, CancellationToken cancellationToken) =>
        _engine.ReadAsync((connection, token) => ImageReads.FindAsync(connection, id, token), cancellationToken);

    /// <summary>One page of images, deleted and killed ones left out.</summary>
    /// <exception cref="UnknownMarkerException">The marker is no image, or one that the viewer may not see.</exception>
    /// <exception cref="ListTimeoutException">It took longer than <see cref="RegistryOptions.ListTimeout"/>.</exception>
    public Task<IReadOnlyList<Image>> ListImagesAsync(ImageQuery query, CancellationToken cancellationToken) =>
        _engine.ReadAsync((connection, token) => TimeLimit.ListAsync(connection, query, _listTimeout, token), cancellationToken);

    /// <summary>A member of an image; null when the project is none.</summary>
    public Task<ImageMember?> FindMemberAsync(string imageId, string memberId, CancellationToken cancellationToken) =>
        _engine.ReadAsync((connection, token) => MemberReads.FindAsync(connection, imageId, memberId, token), cancellationToken);

    /// <summary>All members of an image, oldest first.</summary>
    public Task<IReadOnlyList<ImageMember>> ListMembersAsync(string imageId, CancellationToken cancellationToken) =>
        _engine.ReadAsync((connection, token) => MemberReads.ListAsync(connection, imageId, token), cancellationToken);

    /// <summary>Intents whose lease has expired or belongs to this instance's earlier life and whose time has come, oldest first.</summary>
    /// <param name="ownToo">True at start, before this process has taken any lease: then every lease of this instance is dead.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    public Task<IReadOnlyList<StoreIntent>> ListDeadIntentsAsync(bool ownToo, CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) =>
            await FollowReads.DeadIntentsAsync(connection, InstanceId, ownToo, await _engine.NowAsync(connection, token), token), cancellationToken);

    /// <summary>Images that are deleted while their data stays for a while (<see cref="StoreIntent.NotBefore"/>). Of what belonged to them they have the
    /// locations only, without ids.</summary>
    public Task<IReadOnlyList<Image>> ListDeletedWithDataAsync(CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) => await FollowReads.DeletedWithDataAsync(connection, await _engine.NowAsync(connection, token), token), cancellationToken);

    /// <summary>A task by id; null when there is none or it has expired.</summary>
    public Task<TaskRecord?> FindTaskAsync(string id, CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) => await TaskReads.FindAsync(connection, id, await _engine.NowAsync(connection, token), token), cancellationToken);

    /// <summary>One page of tasks.</summary>
    /// <exception cref="UnknownMarkerException">The marker is no task, or one that the viewer may not see.</exception>
    public Task<IReadOnlyList<TaskRecord>> ListTasksAsync(TaskQuery query, CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) => await TaskReads.ListAsync(connection, query, await _engine.NowAsync(connection, token), token), cancellationToken);

    /// <summary>The tasks of an image, oldest first.</summary>
    public Task<IReadOnlyList<TaskRecord>> ListImageTasksAsync(string imageId, CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) => await TaskReads.OfImageAsync(connection, imageId, await _engine.NowAsync(connection, token), token), cancellationToken);

    /// <summary>Tasks that have not ended and on which nobody works: their lease has expired or belongs to this instance's earlier life. Oldest first.</summary>
    /// <param name="ownToo">True at start, before this process has taken any lease.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    public Task<IReadOnlyList<TaskRecord>> ListDeadTasksAsync(bool ownToo, CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) =>
            await TaskReads.DeadAsync(connection, InstanceId, ownToo, await _engine.NowAsync(connection, token), token), cancellationToken);

    /// <summary>The staged data of an image; null for none.</summary>
    public Task<StagedData?> FindStagedAsync(string imageId, CancellationToken cancellationToken) =>
        _engine.ReadAsync((connection, token) => TaskReads.StagedAsync(connection, imageId, token), cancellationToken);

    /// <summary>What every gateway finds behind the names of stores, by store and node.</summary>
    public Task<IReadOnlyList<StorePlace>> ListPlacesAsync(CancellationToken cancellationToken) =>
        _engine.ReadAsync(PlaceReads.ListAsync, cancellationToken);

    /// <summary>What a project uses, with what work under live leases has reserved: bytes or a number.</summary>
    public Task<long> SumUsageAsync(string project, UsageKind kind, CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) => await UsageReads.SumAsync(connection, project, kind, await _engine.NowAsync(connection, token), token), cancellationToken);

    /// <summary>The sequence of the newest change; 0 for none.</summary>
    public Task<long> LatestChangeAsync(CancellationToken cancellationToken) => _engine.ReadAsync(FollowReads.LatestChangeAsync, cancellationToken);

    /// <summary>Changes after a sequence, oldest first, at most <paramref name="limit"/>.</summary>
    public Task<IReadOnlyList<ImageChange>> ListChangesAsync(long after, int limit, CancellationToken cancellationToken) =>
        _engine.ReadAsync((connection, token) => FollowReads.ChangesAsync(connection, after, limit, token), cancellationToken);

    /// <summary>Changes after a sequence, at most <paramref name="limit"/>, with the images that they are about.</summary>
    public Task<ChangeBatch> ReadChangesAsync(long after, int limit, CancellationToken cancellationToken) =>
        _engine.ReadAsync((connection, token) => FollowReads.BatchAsync(connection, after, limit, token), cancellationToken);

    /// <summary>The secret of this registry, the same for all gateways that use it, with which positions in the change feed are encrypted: 32 bytes.</summary>
    public async Task<byte[]> ReadChangeKeyAsync(CancellationToken cancellationToken) =>
        Convert.FromHexString(await _engine.ReadAsync(FollowReads.ChangeKeyAsync, cancellationToken));

    /// <summary>Ends when there is a change after a sequence: at once for changes of this process, soon for those of others.</summary>
    /// <exception cref="ObjectDisposedException">The registry was closed meanwhile.</exception>
    public Task WaitForChangeAsync(long after, CancellationToken cancellationToken) => _engine.Changes.WaitAsync(after, cancellationToken);

    /// <summary>Removes changes from before a time; the newest one always stays. Who follows the feed from an older one misses what was removed.</summary>
    public async Task PruneChangesAsync(DateTimeOffset olderThan, CancellationToken cancellationToken)
    {
        await _engine.PruneAsync(cancellationToken);
        var keep = await _engine.ReadAsync((connection, token) => FollowReads.FirstKeptChangeAsync(connection, olderThan, token), cancellationToken);
        while (await WriteAsync((unit, token) => ((SqlTransaction)unit).PruneChangesAsync(keep, ChangesPrunedAtOnce, token), cancellationToken) != 0)
            cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Finishes the units of work that wait and the reads under way, then closes the database.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;

        _engine.Changes.Close();
        await _engine.DisposeAsync();
    }

    /// <summary>Opens with other migration scripts than this version's: tests reach other versions with it.</summary>
    internal static Task<ImageRegistry> OpenAsync(
        RegistryOptions options, IReadOnlyList<SqlScript> scripts, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var logger = loggers.CreateLogger<ImageRegistry>();
        return Task.Run<ImageRegistry>(
            async () => new(options, options.Postgres is { } postgres
                ? await PostgresEngine.OpenAsync(postgres, options.InstanceId, scripts, time, logger, cancellationToken)
                : await SqliteEngine.OpenAsync(PathOf(options), options.InstanceId, scripts, time, logger)),
            cancellationToken);
    }

    /// <summary>Migrates with other scripts than this version's.</summary>
    internal static async Task MigrateAsync(
        RegistryOptions options, IReadOnlyList<SqlScript> scripts, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (options.Postgres is { } postgres)
            await PostgresEngine.MigrateAsync(postgres, scripts, loggers.CreateLogger<ImageRegistry>(), cancellationToken);
        else
            await (await OpenAsync(options, scripts, time, loggers, cancellationToken)).DisposeAsync();
    }

    /// <summary>For tests that look at the database itself.</summary>
    internal Task<T> ReadAsync<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken) =>
        _engine.ReadAsync(query, cancellationToken);

    private static string PathOf(RegistryOptions options) =>
        options.DatabasePath ?? throw new ArgumentException("The options name neither a SQLite file nor a PostgreSQL database.", nameof(options));
}
