using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>The table of checks that holds for any mount, by its command, on mounts of images that are elsewhere.</summary>
public sealed class CheckTests(Service service) : IClassFixture<Service>, IDisposable
{
    private readonly TempDirectory _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_remote_image_passes_the_table_while_it_comes_and_once_it_is_here(bool endpointHasRanges)
    {
        Requires.RootMount();
        var sample = await service.AddAsync("checked", (6 << 20) + 777);
        await File.WriteAllBytesAsync(_home["original"], sample.Content, TestContext.Current.CancellationToken);
        using FaultyProxy proxy = new(service.Gateway.Address) { RangesGive = endpointHasRanges ? null : 400 };
        await using var mount = await RemoteMount.StartAsync(_home, "--world-readable", proxy.Address.ToString());
        await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the image is not shown");

        // Nothing of it is here: the first check that reads fetches it.
        await PassAsync(mount.FileOf(sample.Id), "--drop-caches", "--original", _home["original"]);

        await mount.EventuallyAsync(
            async () => (await mount.StatusAsync()).GetProperty("source").GetProperty("cache").GetProperty("images_verified").GetInt32() >= 1, "the cache did not prove the image");
        // What is open stays the copy that it began as; two seconds after the last close it is let go, and the next open is of the proven file.
        await mount.EventuallyAsync(async () => (await mount.StatusAsync()).GetProperty("open_sources").GetInt32() == 0, "the image stays open");
        var before = (await mount.StatusAsync()).GetProperty("opens_passthrough").GetInt64();
        await PassAsync(mount.FileOf(sample.Id), "--original", _home["original"]);
        if (mount.Said.GetProperty("passthrough").GetBoolean())
            Assert.True((await mount.StatusAsync()).GetProperty("opens_passthrough").GetInt64() >= before + 10_000, "the proven file was copied");

        // Without a file named it finds one, and the tree's own directories.
        await PassAsync(mount.Directory, "--only", "list");
    }

    [Fact]
    public async Task Where_nothing_is_mounted_there_is_nothing_to_check()
    {
        var refused = await Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", "check", _home["nothing"]]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(_home["nothing"], refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_image_of_a_mount_fails_what_it_must_fail()
    {
        await File.WriteAllBytesAsync(_home["plain"], new byte[10_000], TestContext.Current.CancellationToken);
        var result = await Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", "check", "--json", "--only", "filesystem", _home["plain"]]);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("not read-only", result.Output, StringComparison.Ordinal);
    }

    private static async Task PassAsync(string path, params string[] flags)
    {
        var result = await Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", "check", "--json", .. flags, path], limit: TimeSpan.FromMinutes(5));
        using var json = JsonDocument.Parse(result.Output);
        Assert.Empty(json.RootElement.GetProperty("checks").EnumerateArray().Where(check => check.GetProperty("outcome").GetString() == "failed").Select(check => check.ToString()));
        Assert.True(json.RootElement.GetProperty("passed").GetInt32() > 0);
        Assert.Equal(0, result.ExitCode);
    }
}
