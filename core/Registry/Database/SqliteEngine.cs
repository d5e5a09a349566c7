using System.Data.Common;
using DbUp.Engine;
using GlanceGateway.Registry.Sql;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Registry.Database;

/// <summary>A registry in a SQLite file: one writer, readers beside it. Its time is this process's.</summary>
internal sealed class SqliteEngine : IRegistryEngine
{
    private readonly SqliteWriter _writer;
    private readonly SqliteReaders _readers;
    private readonly TimeProvider _time;

    private SqliteEngine(SqliteWriter writer, SqliteReaders readers, ChangeSignal changes, TimeProvider time)
    {
        _writer = writer;
        _readers = readers;
        _time = time;
        Changes = changes;
    }

    public ChangeSignal Changes { get; }

    /// <summary>Opens the file and migrates it, after copying it when there is something to migrate.</summary>
    /// <exception cref="RegistryException">The schema is newer than the scripts, or the file is not a registry.</exception>
    public static async Task<SqliteEngine> OpenAsync(
        string path, string instanceId, IReadOnlyList<SqlScript> scripts, TimeProvider time, ILogger logger)
    {
        SqliteConnection? connection = null;
        try
        {
            connection = SqliteDatabase.Open(path, SqliteOpenMode.ReadWriteCreate);
            new SqliteSchema(scripts, logger).Migrate(connection, path);
            SqliteDatabase.MakeWriter(connection);
            var changes = new ChangeSignal();
            changes.Publish(await FollowReads.LatestChangeAsync(connection, CancellationToken.None));
            var writer = new SqliteWriter(connection, instanceId, time, changes, logger);
            connection = null;
            return new SqliteEngine(writer, new SqliteReaders(path), changes, time);
        }
        catch (SqliteException exception)
        {
            throw SqliteDatabase.Explained(path, exception);
        }
        finally
        {
            connection?.Dispose();
        }
    }

    public Task<T> WriteAsync<T>(Func<RegistryTransaction, CancellationToken, Task<T>> unitOfWork, CancellationToken cancellationToken) =>
        _writer.WriteAsync(unitOfWork, cancellationToken);

    public Task<T> ReadAsync<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken) =>
        _readers.ReadAsync(query, cancellationToken);

    public Task PruneAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<DateTimeOffset> NowAsync(DbConnection connection, CancellationToken cancellationToken) => Task.FromResult(_time.GetUtcNow());

    /// <summary>The writer goes last: the last connection to close folds the log into the file, which a read-only one cannot.</summary>
    public async ValueTask DisposeAsync()
    {
        await _readers.DisposeAsync();
        await _writer.DisposeAsync();
    }
}
