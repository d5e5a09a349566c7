using System.Data.Common;
using GlanceGateway.Registry;
using Npgsql;
using NpgsqlTypes;

namespace GlanceGateway.Bench;

/// <summary>In a database of a PostgreSQL server.</summary>
internal sealed class ScaledPostgres(string connectionString) : ScaledRegistry
{
    protected override RegistryOptions Options => new() { Postgres = new() { ConnectionString = connectionString }, InstanceId = "bench" };

    protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(connectionString + ";Pooling=false;Command Timeout=0");
        await connection.OpenAsync();
        return connection;
    }

    protected override async Task WriteAsync(IReadOnlyList<NumberedImage> images)
    {
        await using var connection = (NpgsqlConnection)await ConnectAsync();

        // In one transaction a sum that each row changes gets as many versions; it is made at the end instead.
        await RunAsync(connection, "ALTER TABLE images DISABLE TRIGGER USER; ALTER TABLE image_locations DISABLE TRIGGER USER");
        await CopyAsync(connection, "images (id, name, status, visibility, owner, disk_format, container_format, size, checksum, hash_algorithm, hash_value, min_disk, min_ram, protected, hidden, created_at, updated_at, version)", images.Select(one => new object?[]
        {
            one.Id, one.Name, one.Status, one.Visibility, one.Owner, "qcow2", "bare", one.Size, "d41d8cd98f00b204e9800998ecf8427e", "sha512",
            new string('a', 128), 0L, 0L, 0L, 0L, one.CreatedAt, one.CreatedAt, 1L,
        }));
        await CopyAsync(connection, "image_properties (image_id, name, value, position)", images.SelectMany(one =>
            one.Properties.Select((item, position) => new object?[] { one.Id, item.Name, item.Value, (long)position })));
        await CopyAsync(connection, "image_tags (image_id, tag, position)", images.SelectMany(one =>
            one.Tags.Select((item, position) => new object?[] { one.Id, item, (long)position })));
        await CopyAsync(connection, "image_locations (image_id, store, url, metadata)", images.Select(one =>
            new object?[] { one.Id, "disk", $"file:///store/{one.Id}", "{}" }));
        await CopyAsync(connection, "image_members (image_id, member_id, status, created_at, updated_at)", images.Where(one => one.IsShared).Select(one =>
            new object?[] { one.Id, ScaleViewers.Shares, "accepted", one.CreatedAt, one.CreatedAt }));

        await RunAsync(connection, """
            ALTER TABLE images ENABLE TRIGGER USER;
            ALTER TABLE image_locations ENABLE TRIGGER USER;
            INSERT INTO project_usage (project, kind, part, amount) SELECT owner, 'images', 0, COUNT(*) FROM images GROUP BY owner;
            INSERT INTO project_usage (project, kind, part, amount) SELECT owner, 'stored', 0, SUM(COALESCE(size, 0)) FROM images GROUP BY owner
            """);

        // As the server does by itself after a while.
        await RunAsync(connection, "VACUUM ANALYZE");
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private static async Task CopyAsync(NpgsqlConnection connection, string into, IEnumerable<object?[]> rows)
    {
        await using var import = await connection.BeginBinaryImportAsync($"COPY {into} FROM STDIN (FORMAT BINARY)");
        import.Timeout = TimeSpan.FromHours(1);
        foreach (var row in rows)
        {
            await import.StartRowAsync();
            foreach (var value in row)
            {
                if (value is null)
                    await import.WriteNullAsync();
                else if (value is long number)
                    await import.WriteAsync(number, NpgsqlDbType.Bigint);
                else
                    await import.WriteAsync((string)value, NpgsqlDbType.Text);
            }
        }

        await import.CompleteAsync();
    }
}
