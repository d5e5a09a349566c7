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
}
