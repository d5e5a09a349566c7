using System.Data;
using System.Data.Common;
using GlanceGateway.Registry.Database;
using GlanceGateway.Registry.Sql;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Registry;

/// <summary>A look into a registry that may belong to a running gateway: reads the last commits, writes nothing, holds nobody up.</summary>
public sealed class RegistryReader : IAsyncDisposable
{
    private readonly SqliteReaders? _readers;
    private readonly PostgresSource? _source;

    private RegistryReader(SqliteReaders? readers, PostgresSource? source) => (_readers, _source) = (readers, source);

    /// <summary>Connects to a PostgreSQL database for reading.</summary>
    /// <exception cref="RegistryException">It cannot be reached, it is no registry, or its schema is not this version's.</exception>
    public static async Task<RegistryReader> OpenAsync(PostgresOptions options, CancellationToken cancellationToken)
    {
        var source = PostgresSource.Create(options);
        try
        {
            await using var connection = await source.OpenAsync(cancellationToken);
            await new PostgresSchema(PostgresSchema.Scripts, NullLogger.Instance).DemandAsync(connection, source.Place, cancellationToken);
            return new RegistryReader(null, source);
        }
        catch (Exception exception)
        {
            await source.DisposeAsync();
            throw source.Explained(exception);
        }
    }

    /// <summary>Opens a SQLite file for reading.</summary>
    /// <remarks>
    /// It needs no lock on the data directory: SQLite's write-ahead log keeps readers of other processes apart from the writer. Like every
    /// reader it may leave an empty log beside the file of a gateway that does not run; the next start takes it up.
    /// </remarks>
    /// <exception cref="RegistryException">There is no such file, it is no registry, or its schema is not this version's.</exception>
    public static Task<RegistryReader> OpenAsync(string databasePath, CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            if (!File.Exists(databasePath))
                throw new RegistryException($"There is no registry at '{databasePath}': name the gateway's data directory or configuration.");
            try
            {
                using var connection = SqliteDatabase.OpenReader(databasePath);
                new SqliteSchema(SqliteSchema.Scripts, NullLogger.Instance).Require(connection, databasePath);
                return new RegistryReader(new SqliteReaders(databasePath), null);
            }
            catch (SqliteException exception)
            {
                throw SqliteDatabase.Explained(databasePath, exception);
            }
        },
        cancellationToken);

    /// <summary>An image by id; null when there is none or it is deleted.</summary>
    public Task<Image?> FindImageAsync(string id, CancellationToken cancellationToken) =>
        ReadAsync((connection, token) => ImageReads.FindAsync(connection, id, token), cancellationToken);

    /// <summary>A member of an image; null when the project is none.</summary>
    public Task<ImageMember?> FindMemberAsync(string imageId, string memberId, CancellationToken cancellationToken) =>
        ReadAsync((connection, token) => MemberReads.FindAsync(connection, imageId, memberId, token), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_readers is not null)
            await _readers.DisposeAsync();
        if (_source is not null)
            await _source.DisposeAsync();
    }

    private async Task<T> ReadAsync<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
    {
        if (_readers is not null)
            return await _readers.ReadAsync(query, cancellationToken);
        var source = _source!;
        try
        {
            await using var connection = await source.OpenAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
            return await query(connection, cancellationToken);
        }
        catch (Exception exception) when (exception is DbException)
        {
            throw source.Explained(exception);
        }
    }
}
