using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>What projects used before the registry kept sums is in the sums.</summary>
public sealed class UsageMigrationTests
{
    /// <summary>Two images, one of them with 100 bytes in two places, as the versions of that time wrote them.</summary>
    private static readonly OldRegistry old = new(6, """
        INSERT INTO images (id, owner, status, visibility, size, min_disk, min_ram, protected, hidden, created_at, updated_at, version)
        VALUES ('a', 'p', 'queued', 'shared', NULL, 0, 0, 0, 0, 1, 1, 1), ('b', 'p', 'active', 'shared', 100, 0, 0, 0, 0, 1, 1, 1);
        INSERT INTO image_locations (image_id, store, url, metadata) VALUES ('b', 'memory', 'memory://b/1', '{}'), ('b', 'memory', 'memory://b/2', '{}');
        """);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_SQLite_registry_without_sums_gets_them() => old.OnSqliteAsync(CheckAsync, Cancellation);

    [Fact]
    public Task A_PostgreSQL_registry_without_sums_gets_them() => old.OnPostgresAsync(CheckAsync, Cancellation);

    private static async Task CheckAsync(ImageRegistry registry)
    {
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
