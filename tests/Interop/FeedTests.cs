using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A mount over two gateways on one PostgreSQL: it hears of what either does, and goes on at the other when one ends.</summary>
public sealed class FeedTests
{
    /// <summary>Well below the ten minutes of a poll here.</summary>
    private static readonly TimeSpan s_soon = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_mount_hears_from_one_gateway_what_the_other_does_and_its_position_is_good_at_both()
    {
        await using var cluster = await Cluster.StartedAsync();
        var (first, second) = (await cluster.AddAsync("node-a", "shared"), await cluster.AddAsync("node-b", "shared"));
        using TempDirectory home = new();
        await using var mount = await RemoteMount.StartAsync(home, "--poll-interval", "10m", "--sweep-interval", "1h", first.Address.ToString(), second.Address.ToString());
        await FollowsAsync(first.Address);
        await ComesAndGoesAsync("while both are there");
        await first.DisposeAsync();
        await FollowsAsync(second.Address);
        await ComesAndGoesAsync("while one is there");
        Assert.DoesNotContain("is not known there any more", mount.Log, StringComparison.Ordinal);

        Task FollowsAsync(Uri endpoint) => mount.EventuallyAsync(
            async () => (await mount.StatusAsync()).GetProperty("source").GetProperty("follows").GetProperty("feed").GetString() == endpoint.ToString(),
            $"it does not follow the feed of {endpoint}",
            TimeSpan.FromMinutes(2));

        async Task ComesAndGoesAsync(string name)
        {
            var id = await second.Images.CreateAsync(name, new PatternContent(100_000));
            await mount.EventuallyAsync(() => mount.Shows(id), "the new image is not shown", s_soon);
            Assert.Equal(System.Net.HttpStatusCode.NoContent, await second.Images.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
            await mount.EventuallyAsync(() => !mount.Shows(id), "the deleted image is still shown", s_soon);
        }
    }
}
