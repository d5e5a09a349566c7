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

        // A sorted index is made in a tenth of the time of one that grows at random places; sums are made once instead of a million times.
        var later = await WithoutAsync(connection, """
            SELECT pg_get_indexdef(indexrelid), 'DROP INDEX ' || indexrelid::regclass FROM pg_index
            WHERE NOT indisunique AND indrelid::regclass::text IN ('images', 'image_properties', 'image_tags', 'image_locations', 'image_members')
            UNION ALL
            SELECT pg_get_triggerdef(oid), 'DROP TRIGGER ' || tgname || ' ON ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
            """);
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

        foreach (var statement in later)
            await RunAsync(connection, statement);
        await RunAsync(connection, Sums);

        // As the server does by itself after a while.
        await RunAsync(connection, "VACUUM ANALYZE");
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
