using DbUp.Engine;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Database;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Registry.Tests;

/// <summary>What was shared, and the properties that were there, before members knew their images is in the lists.</summary>
public sealed class SharesMigrationTests
{
    private const int KnownSince = 7;

    /// <summary>An image and who has it, as the versions of that time wrote them.</summary>
    private const string Rows = """
        INSERT INTO images (id, name, owner, status, visibility, size, min_disk, min_ram, protected, hidden, created_at, updated_at, version)
        VALUES ('shared before', 'n', 'they', 'active', 'shared', 1, 0, 0, 0, 0, 1, 1, 1);
        INSERT INTO image_members (image_id, member_id, status, created_at, updated_at) VALUES ('shared before', 'me', 'accepted', 1, 1);
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_SQLite_registry_lists_what_was_shared_before()
    {
        using var directory = new TempDirectory();
        await MigrateAsync(new RegistryOptions { DatabasePath = Path.Combine(directory.Path, "registry.db"), InstanceId = "a" }, SqliteSchema.Scripts);
    }

    [Fact]
    public async Task A_PostgreSQL_registry_lists_what_was_shared_before()
    {
        await using var home = new PostgresHome();
        await MigrateAsync(new RegistryOptions { Postgres = await home.DatabaseAsync(migrated: false), InstanceId = "a" }, PostgresSchema.Scripts);
    }

    private static async Task MigrateAsync(RegistryOptions options, IReadOnlyList<SqlScript> scripts)
    {
        IReadOnlyList<SqlScript> before = [.. scripts.Where(script => SchemaScripts.NumberOf(script.Name) < KnownSince), new SqlScript($"{KnownSince - 1:0000}_rows.sql", Rows)];
        await ImageRegistry.MigrateAsync(options, before, TimeProvider.System, NullLoggerFactory.Instance, Cancellation);
        await ImageRegistry.MigrateAsync(options, TimeProvider.System, NullLoggerFactory.Instance, Cancellation);
        await using var registry = await ImageRegistry.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, Cancellation);
        foreach (var column in new[] { ImageColumn.CreatedAt, ImageColumn.Name, ImageColumn.Size, ImageColumn.UpdatedAt })
        {
            var mine = new ImageQuery { Viewer = new ImageViewer("me", SeesEverything: false), Sort = [new(column, Descending: true)] };
            Assert.Equal(["shared before"], (await registry.List(mine)).Select(one => one.Id));
            Assert.Equal(["shared before"], (await registry.List(mine with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["n"])] })).Select(one => one.Id));
        }
    }
}
