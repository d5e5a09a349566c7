using DbUp.Engine;
using GlanceGateway.Registry;
using GlanceGateway.Registry.Database;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Registry.Tests;

/// <summary>What projects used before the registry kept sums is in the sums.</summary>
public sealed class UsageMigrationTests
{
    private const int SumsSince = 6;

    /// <summary>Two images, one of them with 100 bytes in two places, as the versions of that time wrote them.</summary>
    private const string Rows = """
        INSERT INTO images (id, owner, status, visibility, size, min_disk, min_ram, protected, hidden, created_at, updated_at, version)
        VALUES ('a', 'p', 'queued', 'shared', NULL, 0, 0, 0, 0, 1, 1, 1), ('b', 'p', 'active', 'shared', 100, 0, 0, 0, 0, 1, 1, 1);
        INSERT INTO image_locations (image_id, store, url, metadata) VALUES ('b', 'memory', 'memory://b/1', '{}'), ('b', 'memory', 'memory://b/2', '{}');
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_SQLite_registry_without_sums_gets_them()
    {
        using var directory = new TempDirectory();
        await MigrateAsync(new RegistryOptions { DatabasePath = Path.Combine(directory.Path, "registry.db"), InstanceId = "a" }, SqliteSchema.Scripts);
    }

    [Fact]
    public async Task A_PostgreSQL_registry_without_sums_gets_them()
    {
        await using var home = new PostgresHome();
        await MigrateAsync(new RegistryOptions { Postgres = await home.DatabaseAsync(migrated: false), InstanceId = "a" }, PostgresSchema.Scripts);
    }

    private static async Task MigrateAsync(RegistryOptions options, IReadOnlyList<SqlScript> scripts)
    {
        IReadOnlyList<SqlScript> before = [.. scripts.Where(script => SchemaScripts.NumberOf(script.Name) < SumsSince), new SqlScript($"{SumsSince - 1:0000}_rows.sql", Rows)];
        await ImageRegistry.MigrateAsync(options, before, TimeProvider.System, NullLoggerFactory.Instance, Cancellation);
        await ImageRegistry.MigrateAsync(options, TimeProvider.System, NullLoggerFactory.Instance, Cancellation);
        await using var registry = await ImageRegistry.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, Cancellation);
        Assert.Equal((2, 200), (await SumAsync(UsageKind.Images), await SumAsync(UsageKind.StoredBytes)));
        await AddAsync(registry);
        Assert.Equal((4, 400), (await SumAsync(UsageKind.Images), await SumAsync(UsageKind.StoredBytes)));

        Task<long> SumAsync(UsageKind kind) => registry.SumUsageAsync("p", kind, Cancellation);
    }

    /// <summary>Two images, one of them with 100 bytes in two places.</summary>
    private static async Task AddAsync(ImageRegistry registry)
    {
        await registry.Insert(new Image { Id = Units.NewId(), Owner = "p" });
        var image = await registry.Insert(new Image { Id = Units.NewId(), Owner = "p", Status = ImageStatus.Active, Size = 100 });
        foreach (var place in new[] { "a", "b" })
        {
            var location = new ImageLocation(0, "memory", $"memory://{image.Id}/{place}", new Dictionary<string, string>());
            await registry.Do((unit, token) => unit.AddLocationAsync(image.Id, location, token));
        }
    }
}
