using System.Collections.Concurrent;
using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace GlanceGateway.Registry.Database;

/// <summary>
/// Read-only connections to a SQLite file in WAL mode: they see the last commit and neither wait for the writer nor hold it up. Each read is one
/// snapshot, runs on the caller's thread (a page takes well under a millisecond) and is interrupted when its token is cancelled.
/// </summary>
internal sealed class SqliteReaders(string file) : IAsyncDisposable
{
    private const int SqliteInterrupt = 9;

    // More readers than cores only take turns; a few more than that keep a short read from waiting behind long ones.
    private static readonly int Connections = Environment.ProcessorCount + 4;

    private readonly SemaphoreSlim _free = new(Connections, Connections);
    private readonly ConcurrentBag<SqliteConnection> _idle = [];
    private bool _disposed;

    public async Task<T> ReadAsync<T>(Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(ImageRegistry));
        await _free.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(ImageRegistry));
            var connection = _idle.TryTake(out var idle) ? idle : SqliteDatabase.OpenReader(file);
            var reusable = false;
            try
            {
                var result = await ReadAsync(connection, query, cancellationToken);
                reusable = true;
                return result;
            }
            finally
            {
                // After an error the connection may still be inside its snapshot.
                if (reusable)
                    _idle.Add(connection);
                else
                    await connection.DisposeAsync();
            }
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode == SqliteInterrupt && cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(exception.Message, exception, cancellationToken);
        }
        catch (SqliteException exception)
        {
            throw SqliteDatabase.Explained(file, exception);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Waits for the reads under way, then closes all connections.</summary>
    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        for (var taken = 0; taken < Connections; taken++)
            await _free.WaitAsync();
        foreach (var connection in _idle)
            await connection.DisposeAsync();
        _free.Release(Connections);
    }

    private static async Task<T> ReadAsync<T>(
        SqliteConnection connection, Func<DbConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
    {
        using var interruption = cancellationToken.UnsafeRegister(
            static state => raw.sqlite3_interrupt(((SqliteConnection)state!).Handle), connection);
        connection.Execute("BEGIN DEFERRED"); // one word alone would be a stored procedure to Dapper
        var result = await query(connection, cancellationToken);
        connection.Execute("COMMIT");
        return result;
    }
}
