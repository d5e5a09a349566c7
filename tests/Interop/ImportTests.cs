using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>Staging, imports and tasks by the real image client; the unified one of Debian 12 knows no imports.</summary>
public sealed class ImportTests
{
    private const int Size = 300_000;

    private const string Stores =
        """
        stores:
          fast: { driver: filesystem, directory: $ROOT/fast, default: true }
          deep: { driver: filesystem, directory: $ROOT/deep }
        outbound: { allowed_networks: [127.0.0.1/32], allowed_ports: [] }
        """;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_image_client_stages_imports_copies_and_lists_tasks()
    {
        await using var site = await Site.StartedAsync(configuration: Stores);
        var glance = RealClient.Glance(site);
        var file = await FileAsync(site);

        // The client would take its own closed input for data and upload it.
        var two = await site.Images.CreateAsync("two");
        await glance.RunAsync("image-stage", "--file", file, two);
        Assert.Equal("uploading", await site.Images.StateAsync(two));
        await glance.RunAsync("image-import", "--import-method", "glance-direct", two);
        await ActiveAsync(site, two);
        await glance.RunAsync("image-import", "--import-method", "copy-image", "--stores", "deep", two);
        await Eventually.TrueAsync("the image is copied", TimeSpan.FromSeconds(60), async () => (await site.Images.ShowAsync(two)).GetProperty("stores").GetString() == "fast,deep");
        Assert.Equal((Size, PatternContent.Md5(Size)), await site.Images.DownloadAsync(two));

        var tasks = RealClient.Cells(await glance.RunAsync("task-list")).Skip(1).ToList();
        Assert.Equal(2, tasks.Count);
        var task = await glance.TableAsync("task-show", tasks[0][0]);
        Assert.Equal(("api_image_import", two), (task["type"], task["image_id"]));
        Assert.Equal(2, RealClient.Cells(await glance.RunAsync("image-tasks", two)).Skip(1).Count());
        await glance.RunAsync("image-delete", two);
        Assert.Empty(Directory.GetFiles(Path.Combine(site.Data, "staging")));
    }

    [Fact]
    public async Task The_image_client_imports_from_the_web()
    {
        await using var site = await Site.StartedAsync(configuration: Stores);
        var glance = RealClient.Glance(site);
        await using var web = new FileServer(await File.ReadAllBytesAsync(await FileAsync(site), Token));

        var id = await site.Images.CreateAsync("web");
        await glance.RunAsync("image-import", "--import-method", "web-download", "--uri", web.Url, id);
        await ActiveAsync(site, id);
        Assert.Equal((Size, PatternContent.Md5(Size)), await site.Images.DownloadAsync(id));
        var inside = await site.Images.CreateAsync("inside");
        var refused = await glance.TryAsync("image-import", "--import-method", "web-download", "--uri", "http://169.254.169.254/x", inside);
        Assert.Contains("does not pass filtering", refused.Output + refused.Error, StringComparison.Ordinal);
    }

    private static async Task<string> FileAsync(Site site)
    {
        await File.WriteAllBytesAsync(site["disk.raw"], PatternContent.Start(Size), Token);
        return site["disk.raw"];
    }

    private static Task ActiveAsync(Site site, string id) =>
        Eventually.TrueAsync("the image is imported", TimeSpan.FromSeconds(60), async () => await site.Images.StateAsync(id) == "active");
}
