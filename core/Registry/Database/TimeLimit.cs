using System.Data.Common;
using GlanceGateway.Registry.Sql;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace GlanceGateway.Registry.Database;

/// <summary>
/// Ends a list that takes too long, inside its connection: waiting for a connection is not the list's fault. SQLite is interrupted, PostgreSQL is
/// sent a cancellation; should this process die before, the server's own statement_timeout ends what it has left.
/// </summary>
internal static class TimeLimit
{
    /// <exception cref="ListTimeoutException">It took longer.</exception>
    public static async Task<IReadOnlyList<Image>> ListAsync(DbConnection connection, ImageQuery query, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var watch = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var interruption = connection is SqliteConnection sqlite
            ? watch.Token.UnsafeRegister(static state => raw.sqlite3_interrupt(((SqliteConnection)state!).Handle), sqlite)
            : default;
        watch.CancelAfter(limit);
        try
        {
            return await ImageList.ReadAsync(connection, query, watch.Token);
        }
        catch (Exception exception) when (watch.IsCancellationRequested && !cancellationToken.IsCancellationRequested && exception is (DbException or OperationCanceledException))
        {
            throw new ListTimeoutException(query, limit, exception);
        }
    }
}
