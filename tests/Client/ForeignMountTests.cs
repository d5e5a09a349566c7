using System.Net;
using System.Security.Cryptography;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>A real Glance, mounted.</summary>
public sealed class ForeignMountTests
{
    [Fact]
    public async Task Images_of_a_real_glance_are_equal_byte_by_byte_and_go_when_they_are_deleted()
    {
        Requires.RootMount();
        using TempDirectory home = new();
        await using GlanceServer glance = new();
        await glance.StartAsync();
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        var samples = new[] { await Service.AddAsync(http, glance.Address, "one", 3 << 20), await Service.AddAsync(http, glance.Address, "two", 100_001) };
        await using var mount = await RemoteMount.StartAsync(home, "--poll-interval", "1s", "--sweep-interval", "3s", glance.Address.ToString());
        foreach (var sample in samples)
        {
            await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the image is not shown", TimeSpan.FromMinutes(2));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(sample.Content)), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)));
        }

        var late = await Service.AddAsync(http, glance.Address, "late", 5000);
        await mount.EventuallyAsync(() => mount.Shows(late.Id), "the new image is not shown", TimeSpan.FromMinutes(2));
        using var gone = await http.DeleteAsync(new Uri(glance.Address, $"/v2/images/{late.Id}"), TestContext.Current.CancellationToken);
        gone.EnsureSuccessStatusCode();
        await mount.EventuallyAsync(() => !mount.Shows(late.Id), "the deleted image is still shown", TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task A_glance_on_ceph_refuses_ranges_and_one_download_fills_the_cache()
    {
        Requires.RootMount();
        using TempDirectory home = new();
        await using GlanceServer glance = new(onCeph: true);
        await glance.StartAsync();
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        // Larger than one object of RBD and than one chunk of Glance.
        var sample = await Service.AddAsync(http, glance.Address, "on ceph", (40 << 20) + 7);
        using (HttpRequestMessage piece = new(HttpMethod.Get, new Uri(glance.Address, $"/v2/images/{sample.Id}/file")) { Headers = { Range = new(5, 9) } })
        using (var refused = await http.SendAsync(piece, TestContext.Current.CancellationToken))
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);

        using FaultyProxy proxy = new(glance.Address);
        var hash = Convert.ToHexStringLower(SHA256.HashData(sample.Content));
        for (var start = 0; start < 2; start++)
        {
            await using var mount = await RemoteMount.StartAsync(home, proxy.Address.ToString());
            await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the image is not shown", TimeSpan.FromMinutes(2));
            // The end first, then everything by three at a time.
            var end = await Command.RunAsync("tail", ["-c", "4", mount.FileOf(sample.Id)]);
            Assert.Equal(0, end.ExitCode);
            await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ => Assert.Equal(hash, await RemoteMount.Sha256Async(mount.FileOf(sample.Id)))));
        }

        Assert.Equal(1, proxy.Requests.Count(request => request.EndsWith($"{sample.Id}/file ", StringComparison.Ordinal)));
        Assert.InRange(proxy.Requests.Count(request => request.Contains($"{sample.Id}/file bytes", StringComparison.Ordinal)), 0, 1);
    }
}
