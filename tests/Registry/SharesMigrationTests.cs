using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

/// <summary>What was shared before members knew their images is in the lists.</summary>
public sealed class SharesMigrationTests
{
    /// <summary>An image and who has it, as the versions of that time wrote them.</summary>
    private static readonly OldRegistry old = new(7, """
        INSERT INTO images (id, name, owner, status, visibility, size, min_disk, min_ram, protected, hidden, created_at, updated_at, version)
        VALUES ('shared before', 'n', 'they', 'active', 'shared', 1, 0, 0, 0, 0, 1, 1, 1);
        INSERT INTO image_members (image_id, member_id, status, created_at, updated_at) VALUES ('shared before', 'me', 'accepted', 1, 1);
        """);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_SQLite_registry_lists_what_was_shared_before() => old.OnSqliteAsync(CheckAsync, Cancellation);

    [Fact]
    public Task A_PostgreSQL_registry_lists_what_was_shared_before() => old.OnPostgresAsync(CheckAsync, Cancellation);

    private static async Task CheckAsync(ImageRegistry registry)
    {
        foreach (var column in new[] { ImageColumn.CreatedAt, ImageColumn.Name, ImageColumn.Size, ImageColumn.UpdatedAt })
        {
            var mine = new ImageQuery { Viewer = new ImageViewer("me", SeesEverything: false), Sort = [new(column, Descending: true)] };
            Assert.Equal(["shared before"], (await registry.List(mine)).Select(one => one.Id));
            Assert.Equal(["shared before"], (await registry.List(mine with { Filters = [new(ImageColumn.Name, Comparison.Equal, ["n"])] })).Select(one => one.Id));
        }
    }
}
