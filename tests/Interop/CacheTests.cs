using System.Net;

namespace GlanceGateway.Interop.Tests;

/// <summary>The cache: Glance's own commands for it, and what readers gain from it.</summary>
public sealed class CacheTests
{
    private const string Cached = """
        stores:
          remote: { driver: memory, default: true }
        cache: { max_size: 1GiB, min_free: 0 }
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Glances_cache_commands_work()
    {
        await using var site = await Site.StartedAsync(configuration: Cached);
        var glance = RealClient.Glance(site);
        var content = Bytes(3_000_000);
        var id = await site.Images.CreateAsync("first");
        Assert.Equal(HttpStatusCode.NoContent, await site.Images.UploadAsync(id, new ByteArrayContent(content)));

        await glance.RunAsync("cache-queue", id);
        var listed = "";
        await Eventually.TrueAsync("the image is cached", TimeSpan.FromSeconds(60), async () => (listed = await glance.RunAsync("cache-list")).Contains(" cached ", StringComparison.Ordinal));
        Assert.Contains(id, listed, StringComparison.Ordinal);
        Assert.Contains("3000000", listed, StringComparison.Ordinal);
        await glance.RunAsync("image-download", "--file", site["saved.raw"], id);
        Assert.Equal(content, await File.ReadAllBytesAsync(site["saved.raw"], Token));
        await glance.RunAsync("cache-delete", id);
        Assert.DoesNotContain(id, await glance.RunAsync("cache-list"), StringComparison.Ordinal);
        await glance.RunAsync("cache-queue", id);
        await glance.RunAsync("cache-clear", "--target", "both");
        Assert.DoesNotContain(id, await glance.RunAsync("cache-list"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_remote_image_read_through_the_mount_becomes_a_local_file()
    {
        await using var site = await Site.StartedAsync(mounted: true, configuration: Cached);
        var content = Bytes(9_000_000);
        var id = await site.Images.CreateAsync("first");
        Assert.Equal(HttpStatusCode.NoContent, await site.Images.UploadAsync(id, new ByteArrayContent(content)));
        await Eventually.TrueAsync("the image is in the mount", TimeSpan.FromSeconds(30), () => File.Exists(site.FileOf(id)));

        Assert.Equal(content, await File.ReadAllBytesAsync(site.FileOf(id), Token));
        await Eventually.TrueAsync("the image is cached", TimeSpan.FromSeconds(60), async () =>
            (await site.Images.GetAsync("v2/cache")).GetProperty("cached_images").EnumerateArray().Any(i => i.GetProperty("image_id").GetString() == id));
        Assert.Equal(content, await File.ReadAllBytesAsync(site.FileOf(id), Token));

        // The bytes are here: with the proven file there is nothing that a restart or an ill store could take away but the catalogue.
        Assert.Equal(content.Length, new FileInfo(Directory.GetFiles(Path.Combine(site.Data, "cache", "objects"), "data", SearchOption.AllDirectories).Single()).Length);
        Assert.Equal(HttpStatusCode.NoContent, await site.Images.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
        await Eventually.TrueAsync("the cache forgets the image", TimeSpan.FromSeconds(30), () => Directory.GetDirectories(Path.Combine(site.Data, "cache", "objects")).Length == 0);
    }

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
