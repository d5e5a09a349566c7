using System.Security.Cryptography;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>A gateway mounted from afar, with what may happen to it.</summary>
public sealed class MountTests(Service service) : IClassFixture<Service>, IDisposable
{
    private static readonly string[] s_quick = ["--poll-interval", "1s", "--sweep-interval", "3s"];

    private readonly TempDirectory _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Images_appear_change_and_go_and_their_bytes_are_equal()
    {
        var first = await service.AddAsync("first", (2 << 20) + 5);
        await using var mount = await RemoteMount.StartAsync(_home, [.. s_quick, service.Gateway.Address.ToString()]);
        Assert.True(mount.Said.GetProperty("reachable").GetBoolean());
        await mount.EventuallyAsync(() => mount.Shows(first.Id), "the image is not shown");
        Assert.Equal(Sha256(first), await RemoteMount.Sha256Async(mount.FileOf(first.Id)));
        Assert.Equal(Sha256(first), await RemoteMount.Sha256Async(Path.Combine(mount.Directory, "by-name/default/first")));

        var second = await service.AddAsync("second", 70_000);
        await mount.EventuallyAsync(() => mount.Shows(second.Id), "the new image is not shown");
        Assert.Equal(Sha256(second), await RemoteMount.Sha256Async(mount.FileOf(second.Id)));

        await service.RenameAsync(second.Id, "renamed");
        await mount.EventuallyAsync(() => File.Exists(Path.Combine(mount.Directory, "by-name/default/renamed")), "the new name is not shown");

        // The bound of the options: the sweep finds it, a tenth later at the latest; the rest is what a loaded machine needs.
        await service.DeleteAsync(second.Id);
        await mount.EventuallyAsync(() => !mount.Shows(second.Id), "the deleted image is still shown", TimeSpan.FromSeconds(30));

        // Whole and proven by its hash it is read by the kernel itself, where the kernel can.
        await mount.EventuallyAsync(async () => (await CacheAsync(mount)).GetProperty("images_verified").GetInt32() >= 1, "the cache did not prove the image");
        var stop = await GatewayAsync("mount", "stop", mount.Directory);
        Assert.Equal(0, stop.ExitCode);
        Assert.Equal(0, await mount.EndAsync());
    }

    [Fact]
    public async Task A_deleted_image_opens_no_more_though_no_sweep_has_noticed_yet()
    {
        var sample = await service.AddAsync("revoked", 100_000);
        using FaultyProxy proxy = new(service.Gateway.Address) { HidesFeed = true };
        await using var mount = await RemoteMount.StartAsync(_home, proxy.Address.ToString());
        await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the image is not shown");
        await service.DeleteAsync(sample.Id);
        // Within the few seconds for which an answer of the endpoint counts, an open may still succeed; and it lingers for two seconds, so
        // that asking again and again would keep it open.
        await mount.EventuallyAsync(
            async () =>
            {
                await Task.Delay(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
                return (await Command.RunAsync("cat", [mount.FileOf(sample.Id)])).ExitCode != 0;
            },
            "the deleted image can still be opened");
        await mount.EventuallyAsync(() => !mount.Shows(sample.Id), "the deleted image is still shown");
    }

    [Fact]
    public async Task Without_ranges_an_image_is_downloaded_once_however_it_is_read()
    {
        var sample = await service.AddAsync("once", 24 << 20);
        using FaultyProxy proxy = new(service.Gateway.Address) { RangesGive = 400 };
        await using var mount = await RemoteMount.StartAsync(_home, proxy.Address.ToString());
        await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the image is not shown");
        await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ => Assert.Equal(Sha256(sample), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)))));
        Assert.Equal(1, proxy.Requests.Count(request => request.EndsWith($"{sample.Id}/file ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Faults_on_the_way_and_a_gateway_that_dies_meanwhile_are_not_seen_by_readers()
    {
        var samples = new[] { await service.AddAsync("a", 20 << 20), await service.AddAsync("b", 20 << 20) };
        using FaultyProxy proxy = new(service.Gateway.Address) { Faults = 0.05 };
        await using var mount = await RemoteMount.StartAsync(_home, "--read-ahead", "0B", "--read-timeout", "120s", proxy.Address.ToString());
        await mount.EventuallyAsync(() => samples.All(sample => mount.Shows(sample.Id)), "the images are not shown", TimeSpan.FromMinutes(2));
        var reading = Task.WhenAll(samples.Select(async sample => Assert.Equal(Sha256(sample), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)))));
        await service.Gateway.KillAsync();
        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        await service.RestartAsync();
        proxy.Target = service.Gateway.Address;
        await reading;
        foreach (var sample in samples)
            Assert.Equal(Sha256(sample), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)));
    }

    [Fact]
    public async Task Without_any_endpoint_it_starts_with_what_it_knew_and_reads_what_it_has()
    {
        var sample = await service.AddAsync("kept", 3 << 20);
        using FaultyProxy proxy = new(service.Gateway.Address);
        await using (var mount = await RemoteMount.StartAsync(_home, proxy.Address.ToString()))
        {
            await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the image is not shown");
            Assert.Equal(Sha256(sample), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)));
        }

        proxy.Status = 503;
        await using (var mount = await RemoteMount.StartAsync(_home, proxy.Address.ToString()))
        {
            Assert.False(mount.Said.GetProperty("reachable").GetBoolean());
            await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the image is not shown without an endpoint", TimeSpan.FromMinutes(2));
            Assert.Equal(Sha256(sample), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)));
            var status = await GatewayAsync("mount", "status", mount.Directory);
            Assert.Equal(1, status.ExitCode);
            Assert.Contains("does not answer", status.Output, StringComparison.Ordinal);

            // It comes back: the mount notices by itself.
            proxy.Status = null;
            await mount.EventuallyAsync(async () => (await mount.StatusAsync()).GetProperty("source").GetProperty("reachable").GetBoolean(), "the endpoint's return goes unnoticed", TimeSpan.FromMinutes(2));
        }
    }

    [Fact]
    public async Task In_the_background_it_goes_on_until_it_is_stopped()
    {
        Requires.RootMount();
        var sample = await service.AddAsync("background", 1000);
        var directory = _home["there"];
        var started = (await GatewayAsync("mount", "--background", "--log-file", _home["log"], "--cache", _home["c"], service.Gateway.Address.ToString(), directory)).Succeeded();
        var pid = JsonDocument.Parse(started.Output).RootElement.GetProperty("process_id").GetInt32();
        try
        {
            var deadline = DateTime.UtcNow.AddMinutes(1);
            while (!File.Exists(Path.Combine(directory, "by-id", sample.Id)) && DateTime.UtcNow < deadline)
                await Task.Delay(200, TestContext.Current.CancellationToken);
            Assert.Equal(Sha256(sample), await RemoteMount.Sha256Async(Path.Combine(directory, "by-id", sample.Id)));
        }
        finally
        {
            (await GatewayAsync("mount", "stop", directory)).Succeeded();
            for (var i = 0; i < 300 && Directory.Exists($"/proc/{pid}"); i++)
                await Task.Delay(100, CancellationToken.None);
        }

        Assert.False(Directory.Exists($"/proc/{pid}"), "the process outlives its mount");
    }

    [Theory]
    [InlineData("'mount' nothing", "say where to mount")]
    [InlineData("the directory is missing", "the directory comes last", "http://127.0.0.1:1")]
    [InlineData("no endpoint and no cloud", "'endpoint' is missing", "/tmp/nowhere")]
    [InlineData("no URL", "it should look like https://host:9292", "images.example", "/tmp/nowhere")]
    public async Task What_cannot_work_is_said_at_once(string what, string said, params string[] arguments)
    {
        var result = await GatewayAsync(["mount", .. arguments]);
        Assert.True(result.ExitCode is 1 or 2, what);
        Assert.Contains(said, result.Error, StringComparison.Ordinal);
    }

    private static Task<CommandResult> GatewayAsync(params string[] arguments) =>
        Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), .. arguments], limit: TimeSpan.FromMinutes(2));

    private static string Sha256(Sample sample) => Convert.ToHexStringLower(SHA256.HashData(sample.Content));

    private static async Task<JsonElement> CacheAsync(RemoteMount mount) => (await mount.StatusAsync()).GetProperty("source").GetProperty("cache");
}
