using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>The mount as programs beside the gateway see it.</summary>
public sealed class MountTests
{
    [Fact]
    public async Task It_follows_the_api_within_a_second()
    {
        var second = TimeSpan.FromSeconds(1);
        await using var site = await Site.StartedAsync(mounted: true);
        var names = Path.Combine(site.Mount, "by-name", "default");

        var id = await site.Images.CreateAsync("first", new PatternContent(1_000_000));
        await Eventually.TrueAsync("the file appears", second, () => File.Exists(site.FileOf(id)));
        Assert.Equal(1_000_000, new FileInfo(site.FileOf(id)).Length);
        await Eventually.TrueAsync("its name appears", second, () => File.Exists(Path.Combine(names, "first")));

        await site.Images.PatchAsync(id, [new { op = "replace", path = "/name", value = "second" }]);
        Assert.Equal(System.Net.HttpStatusCode.NoContent, await site.Images.StatusAsync(HttpMethod.Put, $"v2/images/{id}/tags/blue"));
        await Eventually.TrueAsync("the new name appears", second, () => File.Exists(Path.Combine(names, "second")));
        await Eventually.TrueAsync("the old name goes", second, () => !File.Exists(Path.Combine(names, "first")));
        await Eventually.TrueAsync("the tag appears", second, () => Directory.Exists(Path.Combine(site.Mount, "by-tag", "blue")));

        Assert.Equal(System.Net.HttpStatusCode.NoContent, await site.Images.StatusAsync(HttpMethod.Delete, $"v2/images/{id}"));
        await Eventually.TrueAsync("the file goes", second, () => !File.Exists(site.FileOf(id)));
        await Eventually.TrueAsync("its name goes", second, () => !Directory.Exists(names));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Another_user_reads_only_when_the_operator_says_so(bool worldReadable)
    {
        Requires.RootMount();
        Requires.Programs("setpriv");
        await using var site = await Site.StartedAsync(configuration: $"mount: {{ directory: $ROOT/mount, world_readable: {(worldReadable ? "true" : "false")} }}");
        var id = await site.Images.CreateAsync("guarded", new PatternContent(1000));
        await Eventually.TrueAsync("the file appears", TimeSpan.FromSeconds(1), () => File.Exists(site.FileOf(id)));
        // So that it is the mount that refuses, not a directory above it.
        File.SetUnixFileMode(site.Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);

        var read = await Command.RunAsync("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", "md5sum", site.FileOf(id)]);

        if (worldReadable)
        {
            Assert.StartsWith(PatternContent.Md5(1000), read.Succeeded().Output, StringComparison.Ordinal);
        }
        else
        {
            Assert.NotEqual(0, read.ExitCode);
            Assert.Contains("Permission denied", read.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task It_cannot_be_written()
    {
        await using var site = await Site.StartedAsync(mounted: true);
        var id = await site.Images.CreateAsync("fixed", new PatternContent(1000));
        await Eventually.TrueAsync("the file appears", TimeSpan.FromSeconds(1), () => File.Exists(site.FileOf(id)));

        Assert.Throws<IOException>(() => File.WriteAllText(site.FileOf(id), "changed"));
        Assert.Throws<IOException>(() => File.Delete(site.FileOf(id)));
        Assert.Throws<IOException>(() => File.WriteAllText(Path.Combine(site.Mount, "by-id", "new"), "new"));
        Assert.Equal((1000, PatternContent.Md5(1000)), await site.Images.DownloadAsync(id));
    }
}
