using System.Net;

namespace GlanceGateway.Interop.Tests;

/// <summary>Several configured stores, and who chooses.</summary>
public sealed class StoreChoiceTests
{
    private const string TwoStores =
        """
        stores:
          fast: { driver: filesystem, directory: $ROOT/fast, default: true }
          deep: { driver: filesystem, directory: $ROOT/deep, description: far away }
        """;

    [Fact]
    public async Task An_image_goes_to_the_store_that_is_named_and_says_so()
    {
        await using var site = await Site.StartedAsync(configuration: TwoStores);
        var glance = RealClient.Glance(site);
        await File.WriteAllBytesAsync(site["disk.raw"], PatternContent.Start(300_000), TestContext.Current.CancellationToken);

        var deep = await glance.TableAsync("image-create", "--name", "far", "--disk-format", "raw", "--container-format", "bare", "--file", site["disk.raw"], "--store", "deep");
        var fast = await glance.TableAsync("image-create", "--name", "near", "--disk-format", "raw", "--container-format", "bare", "--file", site["disk.raw"]);
        var stores = await glance.TableAsync("stores-info");

        Assert.Equal(("deep", "fast"), (deep["stores"], fast["stores"]));
        Assert.True(File.Exists(Path.Combine(site["deep"], deep["id"])) && !File.Exists(Path.Combine(site["fast"], deep["id"])));
        Assert.True(File.Exists(Path.Combine(site["fast"], fast["id"])) && !File.Exists(Path.Combine(site["deep"], fast["id"])));
        Assert.Equal((300_000, PatternContent.Md5(300_000)), await site.Images.DownloadAsync(deep["id"]));
        Assert.Equal("[{\"id\": \"fast\", \"default\": \"true\"}, {\"id\": \"deep\", \"description\": \"far away\"}]", stores["stores"]);
    }

    [Fact]
    public async Task An_unknown_store_is_refused_and_the_image_stays_queued()
    {
        await using var site = await Site.StartedAsync(configuration: TwoStores);
        var id = await site.Images.CreateAsync("lost");

        var refused = await site.Images.UploadAsync(id, new PatternContent(1000), store: "nowhere");

        Assert.Equal(HttpStatusCode.BadRequest, refused);
        Assert.Equal("queued", await site.Images.StateAsync(id));
        Assert.Equal(HttpStatusCode.NoContent, await site.Images.UploadAsync(id, new PatternContent(1000), store: "deep"));
    }
}
