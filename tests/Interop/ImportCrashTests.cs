using System.Net;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>
/// <c>kill -9</c> while data is staged, imported, fetched and copied: the next life of the gateway ends the work or lets it be tried again, and no bytes
/// are left that no image names. The moments are drawn by a seed; a hundred of each with full counts.
/// </summary>
public sealed class ImportCrashTests(ITestOutputHelper output)
{
    private const int Size = 8 << 20;

    private const string Stores =
        """
        stores:
          fast: { driver: filesystem, directory: $ROOT/fast, default: true }
          deep: { driver: filesystem, directory: $ROOT/deep }
        outbound: { allowed_networks: [127.0.0.1/32], allowed_ports: [] }
        """;

    private static readonly TimeSpan limit = TimeSpan.FromSeconds(90);

    private static readonly string[] deep = ["deep"];

    private static readonly string md5 = PatternContent.Md5(Size);

    private const int KillsInGate = 2;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_kill_while_data_is_staged_leaves_all_of_it_or_nothing() => Kills.RunAsync(seed: 61, KillsInGate, async (random, kills) =>
    {
        await using var site = await Site.StartedAsync(configuration: Stores);
        for (var kill = 0; kill < kills; kill++)
        {
            var id = await site.Images.CreateAsync($"stage {kill}");
            var acknowledged = await StageAndKillAsync(site, id, kill % 2 == 0 ? random.Next(Size) : Size, TimeSpan.FromMilliseconds(random.Next(60)));

            await site.StartAsync();
            await Eventually.TrueAsync("the staging is whole or undone", limit, async () => await site.Images.StateAsync(id) is "queued" or "uploading");
            var state = await site.Images.StateAsync(id);
            output.WriteLine($"acknowledged {acknowledged}, {state}");
            if (state == "queued")
            {
                Assert.False(acknowledged, "what was acknowledged is gone");
                await StagedAsync(site, 0);
                Assert.Equal(HttpStatusCode.NoContent, await site.Images.StageAsync(id, new PatternContent(Size)));
            }

            await StagedAsync(site, 1);
            await ImportAsync(site, id, new { method = new { name = "glance-direct" } });
            await DoneAsync(site, id, "fast");
        }
    });

    [Fact]
    public Task A_kill_during_an_import_of_staged_data_does_not_stop_it() => KillDuringAsync(
        seed: 62,
        async (site, id) => Assert.Equal(HttpStatusCode.NoContent, await site.Images.StageAsync(id, new PatternContent(Size))),
        new { method = new { name = "glance-direct" } },
        "fast");

    [Fact]
    public async Task A_kill_during_a_download_from_the_web_does_not_stop_it()
    {
        var content = new byte[Size];
        for (var at = 0; at < Size; at += 1 << 20)
        {
            PatternContent.Start(1 << 20).CopyTo(content.AsMemory(at));
        }

        await using var web = new FileServer(content, TimeSpan.FromMilliseconds(1));
        await KillDuringAsync(seed: 63, (_, _) => Task.CompletedTask, new { method = new { name = "web-download", uri = web.Url } }, "fast");
    }

    [Fact]
    public Task A_kill_during_a_copy_to_another_store_does_not_stop_it() => KillDuringAsync(
        seed: 64,
        async (site, id) => Assert.Equal(HttpStatusCode.NoContent, await site.Images.UploadAsync(id, new PatternContent(Size))),
        new { method = new { name = "copy-image" }, stores = deep },
        "fast,deep");

    private static async Task<bool> StageAndKillAsync(Site site, string id, long moment, TimeSpan delay)
    {
        Task? killing = null;
        try
        {
            var status = await site.Images.StageAsync(id, new PatternContent(Size, lengthKnown: true, sent =>
            {
                killing ??= sent >= moment ? KillLaterAsync(site, delay) : null;
                return Task.CompletedTask;
            }));
            await killing!;
            return status == HttpStatusCode.NoContent;
        }
        catch (HttpRequestException)
        {
            await killing!;
            return false;
        }
    }

    private static async Task KillLaterAsync(Site site, TimeSpan delay)
    {
        await Task.Delay(delay, Token);
        await site.Gateway.KillAsync();
    }

    private static async Task ImportAsync(Site site, string id, object body) =>
        Assert.Equal(HttpStatusCode.Accepted, await site.Images.StatusAsync(HttpMethod.Post, $"v2/images/{id}/import", body));

    private static Task StagedAsync(Site site, int count) => Eventually.TrueAsync(
        $"{count} images are staged",
        limit,
        () => Directory.GetFiles(Path.Combine(site.Data, "staging"), "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }).Length == count);

    private static string[] Files(Site site, string store) =>
        [.. Directory.GetFiles(site[store], "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }).Select(file => Path.GetFileName(file)!)];

    /// <summary>Waits until the image is active in the stores, with nothing in staging and no file but its own; then checks and deletes it.</summary>
    private static async Task DoneAsync(Site site, string id, string stores)
    {
        await Eventually.TrueAsync($"{id} is active in {stores}", limit, async () =>
        {
            var image = await site.Images.ShowAsync(id);
            return image.GetProperty("status").GetString() == "active" && image.TryGetProperty("stores", out var held) && held.GetString() == stores;
        });
        Assert.Equal((Size, md5), await site.Images.DownloadAsync(id));
        await StagedAsync(site, 0);
        var places = stores.Split(',');
        await Eventually.TrueAsync(
            "the stores hold only the image",
            limit,
            () => Files(site, "fast").SequenceEqual([id]) && Files(site, "deep").SequenceEqual(places.Contains("deep") ? [id] : []));
        Assert.Equal(HttpStatusCode.NoContent, await site.Images.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
    }

    /// <summary>Starts the work, kills the gateway in the middle of it, and expects the next one to end it without being asked.</summary>
    private Task KillDuringAsync(int seed, Func<Site, string, Task> prepare, object import, string stores) => Kills.RunAsync(seed, KillsInGate, async (random, kills) =>
    {
        await using var site = await Site.StartedAsync(configuration: Stores);
        for (var kill = 0; kill < kills; kill++)
        {
            var id = await site.Images.CreateAsync($"import {kill}");
            await prepare(site, id);
            await ImportAsync(site, id, import);
            var delay = random.Next(250);
            await Task.Delay(delay, Token);
            var before = (await site.Images.ShowAsync(id)).GetProperty("status").GetString();
            await site.Gateway.KillAsync();

            await site.StartAsync();
            output.WriteLine($"killed {delay} ms after the start of the import, {before}");
            await DoneAsync(site, id, stores);
        }
    });
}
