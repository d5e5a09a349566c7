using System.Data.Common;
using GlanceGateway.Registry;
using Microsoft.Data.Sqlite;

namespace GlanceGateway.Bench;

/// <summary>In a SQLite file.</summary>
internal sealed class ScaledSqlite(string file) : ScaledRegistry
{
    protected override RegistryOptions Options => new() { DatabasePath = file, InstanceId = "bench" };

    protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    protected override async Task WriteAsync(IReadOnlyList<NumberedImage> images)
    {
        await using var connection = (SqliteConnection)await ConnectAsync();

        // Nothing is lost that cannot be made again; the registry turns its own settings back on.
        await RunAsync(connection, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -500000");
        // A sorted index is made in a tenth of the time of one that grows at random places; sums are made once instead of a million times.
        // What the planner is told of an index goes with it, and comes back.
        await RunAsync(connection, "CREATE TEMP TABLE told AS SELECT * FROM sqlite_stat1");
        var later = await WithoutAsync(connection, """
            SELECT sql, 'DROP ' || type || ' ' || name FROM sqlite_master
            WHERE sql IS NOT NULL AND type IN ('index', 'trigger') AND tbl_name IN ('images', 'image_properties', 'image_tags', 'image_locations', 'image_members')
            """);
        await using var transaction = connection.BeginTransaction();
        using var image = new Insertion(connection, transaction, "images (id, name, status, visibility, owner, disk_format, container_format, size, checksum, hash_algorithm, hash_value, min_disk, min_ram, protected, hidden, created_at, updated_at, version)", 18);
        using var property = new Insertion(connection, transaction, "image_properties (image_id, name, value, value_key, position)", 5);
        using var tag = new Insertion(connection, transaction, "image_tags (image_id, tag, position)", 3);
        using var location = new Insertion(connection, transaction, "image_locations (image_id, store, url, metadata)", 4);
        using var member = new Insertion(connection, transaction, "image_members (image_id, member_id, status, created_at, updated_at)", 5);
        foreach (var one in images)
        {
            var id = one.Id;
            image.Run(id, one.Name, one.Status, one.Visibility, one.Owner, "qcow2", "bare", one.Size, "d41d8cd98f00b204e9800998ecf8427e", "sha512",
                new string('a', 128), 0L, 0L, 0L, 0L, one.CreatedAt, one.CreatedAt, 1L);
            foreach (var (item, position) in one.Properties.Select((item, position) => (item, (long)position)))
                property.Run(id, item.Name, item.Value, item.Value, position);
            foreach (var (item, position) in one.Tags.Select((item, position) => (item, (long)position)))
                tag.Run(id, item, position);
            location.Run(id, "disk", $"file:///store/{id}", "{}");
            if (one.IsShared)
                member.Run(id, ScaleViewers.Shares, "accepted", one.CreatedAt, one.CreatedAt);
        }

        await transaction.CommitAsync();
        foreach (var statement in later)
            await RunAsync(connection, statement);
        await RunAsync(connection, "DELETE FROM sqlite_stat1; INSERT INTO sqlite_stat1 SELECT * FROM told");
        await RunAsync(connection, Sums);
    }

    private sealed class Insertion : IDisposable
    {
        private readonly SqliteCommand command;

        public Insertion(SqliteConnection connection, SqliteTransaction transaction, string into, int values)
        {
            command = connection.CreateCommand();
            command.Transaction = transaction;
            command.CommandText = $"INSERT INTO {into} VALUES ({string.Join(", ", Enumerable.Range(0, values).Select(value => $"@v{value}"))})";
            for (var value = 0; value < values; value++)
                command.Parameters.Add(new SqliteParameter { ParameterName = $"@v{value}" });
        }

        public void Run(params ReadOnlySpan<object?> values)
        {
            for (var index = 0; index < values.Length; index++)
                command.Parameters[index].Value = values[index] ?? DBNull.Value;
            command.ExecuteNonQuery();
        }

        public void Dispose() => command.Dispose();
    }
}
