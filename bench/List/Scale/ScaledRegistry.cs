using System.Data.Common;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Bench;

/// <summary>A registry with as many <see cref="NumberedImage"/>s as wanted, written past the gateway: a million would take it hours of durable commits.</summary>
internal abstract class ScaledRegistry : IAsyncDisposable
{
    private ImageRegistry? registry;

    public ImageRegistry Registry => registry ?? throw new InvalidOperationException("The registry is not filled yet.");

    protected abstract RegistryOptions Options { get; }

    /// <summary>Makes the schema, writes the images unless a run before did, and opens the registry.</summary>
    public async Task FillAsync(int total)
    {
        await ImageRegistry.MigrateAsync(Options, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        if (!await IsFilledAsync())
            await WriteAsync([.. Enumerable.Range(0, total + NumberedImage.SharedOnTop).Select(number => new NumberedImage(number, total))]);
        registry = await ImageRegistry.OpenAsync(Options, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
    }

    /// <summary>The ids of public images in the middle and near the end of an order: everybody sees them.</summary>
    public async Task<(string Middle, string End)> MarkersAsync(ImageSort sort)
    {
        var key = sort.Column switch { ImageColumn.Name => "COALESCE(name, '')", ImageColumn.Size => "COALESCE(size, 0)", _ => "created_at" };
        var direction = sort.Descending ? "DESC" : "ASC";
        await using var connection = await ConnectAsync();
        var ids = new List<string>();
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT id FROM images WHERE visibility = 'public' ORDER BY {key} {direction}, created_at {direction}, id {direction}";
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            ids.Add(reader.GetString(0));
        return (ids[ids.Count / 2], ids[^12]);
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (registry is not null)
            await registry.DisposeAsync();
    }

    /// <summary>The sums that triggers would have kept.</summary>
    protected const string Sums = """
        INSERT INTO project_usage (project, kind, part, amount) SELECT owner, 'images', 0, COUNT(*) FROM images GROUP BY owner;
        INSERT INTO project_usage (project, kind, part, amount) SELECT owner, 'stored', 0, SUM(COALESCE(size, 0)) FROM images GROUP BY owner
        """;

    /// <summary>Takes indexes and triggers away.</summary>
    /// <param name="connection">From where.</param>
    /// <param name="query">Selects how each is made and how it is dropped.</param>
    /// <returns>The statements that make them.</returns>
    protected static async Task<IReadOnlyList<string>> WithoutAsync(DbConnection connection, string query)
    {
        var all = new List<(string Make, string Drop)>();
        await using (var command = connection.CreateCommand())
        {
            command.CommandText = query;
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync())
                all.Add((reader.GetString(0), reader.GetString(1)));
        }

        foreach (var (_, drop) in all)
            await RunAsync(connection, drop);
        return [.. all.Select(one => one.Make)];
    }

    protected static async Task RunAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private async Task<bool> IsFilledAsync()
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT MAX(project) FROM project_usage";
        return await command.ExecuteScalarAsync() is string;
    }

    protected abstract Task<DbConnection> ConnectAsync();

    protected abstract Task WriteAsync(IReadOnlyList<NumberedImage> images);
}
