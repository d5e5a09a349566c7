using System.Data.Common;
using Dapper;

namespace GlanceGateway.Registry.Sql;

/// <summary>Dapper with the cancellation token where a reader expects it. Values are always parameters.</summary>
internal static class SqlCommands
{
    public static Task<int> RunAsync(this DbConnection connection, string sql, object? parameters, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken));

    public static Task<T?> ValueAsync<T>(this DbConnection connection, string sql, object? parameters, CancellationToken cancellationToken) =>
        connection.ExecuteScalarAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken));

    public static Task<T?> RowAsync<T>(this DbConnection connection, string sql, object? parameters, CancellationToken cancellationToken) =>
        connection.QuerySingleOrDefaultAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken));

    public static async Task<List<T>> RowsAsync<T>(this DbConnection connection, string sql, object? parameters, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: cancellationToken));
        return rows.AsList();
    }
}
