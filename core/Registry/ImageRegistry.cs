using System.Data.Common;
using DbUp.Engine;
using GlanceGateway.Registry.Database;
using GlanceGateway.Registry.Sql;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Registry;

/// <summary>How a registry is opened.</summary>
public sealed record RegistryOptions
{
    /// <summary>The SQLite file; created when missing.</summary>
    public required string DatabasePath { get; init; }

    /// <summary>This gateway's instance id: the owner of its leases. Stays the same over restarts on one data directory.</summary>
    public required string InstanceId { get; init; }
}

/// <summary>The truth about images, in SQL. Safe for concurrent use.</summary>
public sealed class ImageRegistry : IAsyncDisposable
{
    /// <summary>How many rows one unit of work prunes: other units wait for it.</summary>
    private const int ChangesPrunedAtOnce = 5000;

    private readonly SqliteWriter _writer;
    private readonly SqliteReaders _readers;
    private readonly ChangeSignal _changes;
    private readonly TimeProvider _time;
    private int _disposed;

    private ImageRegistry(string instanceId, SqliteWriter writer, SqliteReaders readers, ChangeSignal changes, TimeProvider time)
    {
        InstanceId = instanceId;
        _writer = writer;
        _readers = readers;
        _changes = changes;
        _time = time;
    }

    /// <summary>Opens the registry and migrates it to this version's schema, after copying the file when there is something to migrate.</summary>
    /// <exception cref="RegistryException">The schema is newer than this version, or the file is not a registry.</exception>
    public static Task<ImageRegistry> OpenAsync(RegistryOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        OpenAsync(options, SqliteSchema.Scripts, time, loggers, cancellationToken);

    /// <summary>This gateway's instance id.</summary>
    public string InstanceId { get; }

    /// <summary>Runs a unit of work: it commits as a whole and durably before the task ends, or not at all. It may run again after a
    /// conflict, so it must touch nothing but the transaction, and it must not wait for bytes or the network. Cancelling withdraws a unit that
    /// has not started; one that has is finished.</summary>
    /// <exception cref="RegistryException">The database could not write; nothing of the unit is written.</exception>
    public Task<T> WriteAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unitOfWork, CancellationToken cancellationToken) =>
        _writer.WriteAsync(unitOfWork, cancellationToken);

    /// <summary>An image by id, with properties, tags and locations; null when there is none or it is deleted.</summary>
    public Task<Image?> FindImageAsync(string id, CancellationToken cancellationToken) =>
        _readers.ReadAsync((connection, token) => ImageReads.FindAsync(connection, id, token), cancellationToken);

    /// <summary>One page of images, deleted and killed ones left out.</summary>
    /// <exception cref="UnknownMarkerException">The marker is no image, or one that the viewer may not see.</exception>
    public Task<IReadOnlyList<Image>> ListImagesAsync(ImageQuery query, CancellationToken cancellationToken) =>
        _readers.ReadAsync((connection, token) => ImageList.ReadAsync(connection, query, token), cancellationToken);

    /// <summary>A member of an image; null when the project is none.</summary>
    public Task<ImageMember?> FindMemberAsync(string imageId, string memberId, CancellationToken cancellationToken) =>
        _readers.ReadAsync((connection, token) => MemberReads.FindAsync(connection, imageId, memberId, token), cancellationToken);

    /// <summary>All members of an image, oldest first.</summary>
    public Task<IReadOnlyList<ImageMember>> ListMembersAsync(string imageId, CancellationToken cancellationToken) =>
        _readers.ReadAsync((connection, token) => MemberReads.ListAsync(connection, imageId, token), cancellationToken);

    /// <summary>Intents whose lease has expired or belongs to this instance's earlier life, oldest first.</summary>
    /// <param name="ownToo">True at start, before this process has taken any lease: then every lease of this instance is dead.</param>
    /// <param name="cancellationToken">Ends the query.</param>
    public Task<IReadOnlyList<StoreIntent>> ListDeadIntentsAsync(bool ownToo, CancellationToken cancellationToken) => _readers.ReadAsync(
        (connection, token) => FollowReads.DeadIntentsAsync(connection, InstanceId, ownToo, _time.GetUtcNow(), token), cancellationToken);

    /// <summary>The sequence of the newest change; 0 for none.</summary>
    public Task<long> LatestChangeAsync(CancellationToken cancellationToken) => _readers.ReadAsync(FollowReads.LatestChangeAsync, cancellationToken);

    /// <summary>Changes after a sequence, oldest first, at most <paramref name="limit"/>.</summary>
    public Task<IReadOnlyList<ImageChange>> ListChangesAsync(long after, int limit, CancellationToken cancellationToken) =>
        _readers.ReadAsync((connection, token) => FollowReads.ChangesAsync(connection, after, limit, token), cancellationToken);

    /// <summary>Ends when there is a change after a sequence: at once for changes of this process.</summary>
    /// <exception cref="ObjectDisposedException">The registry was closed meanwhile.</exception>
    public Task WaitForChangeAsync(long after, CancellationToken cancellationToken) => _changes.WaitAsync(after, cancellationToken);

    /// <summary>Removes changes from before a time; the newest one always stays. Who follows the feed from an older one misses what was removed.</summary>
    public async Task PruneChangesAsync(DateTimeOffset olderThan, CancellationToken cancellationToken)
    {
        var keep = await _readers.ReadAsync((connection, token) => FollowReads.FirstKeptChangeAsync(connection, olderThan, token), cancellationToken);
        while (await WriteAsync((unit, token) => ((SqlTransaction)unit).PruneChangesAsync(keep, ChangesPrunedAtOnce, token), cancellationToken) != 0)
            cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Finishes the units of work that wait and the reads under way, then closes the database.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;

        // The writer goes last: the last connection to close folds the log into the file, which a read-only one cannot.
        _changes.Close();
        await _readers.DisposeAsync();
        await _writer.DisposeAsync();
    }

    /// <summary>Opens with other migration scripts than this version's: tests reach other versions with it.</summary>
    internal static Task<ImageRegistry> OpenAsync(
        RegistryOptions options, IReadOnlyList<SqlScript> scripts, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        Task.Run(() => Open(options, scripts, time, loggers.CreateLogger<ImageRegistry>()), cancellationToken);

    /// <summary>For tests that look at the database itself.</summary>
    internal Task<T> ReadAsync<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken) =>
        _readers.ReadAsync(query, cancellationToken);

    private static async Task<ImageRegistry> Open(RegistryOptions options, IReadOnlyList<SqlScript> scripts, TimeProvider time, ILogger logger)
    {
        SqliteConnection? connection = null;
        try
        {
            connection = SqliteDatabase.Open(options.DatabasePath, SqliteOpenMode.ReadWriteCreate);
            new SqliteSchema(scripts, logger).Migrate(connection, options.DatabasePath);
            SqliteDatabase.MakeWriter(connection);
            var changes = new ChangeSignal();
            changes.Publish(await FollowReads.LatestChangeAsync(connection, CancellationToken.None));
            var writer = new SqliteWriter(connection, options.InstanceId, time, changes, logger);
            connection = null;
            return new ImageRegistry(options.InstanceId, writer, new SqliteReaders(options.DatabasePath), changes, time);
        }
        catch (SqliteException exception)
        {
            throw SqliteDatabase.Explained(options.DatabasePath, exception);
        }
        finally
        {
            connection?.Dispose();
        }
    }
}
