using System.Diagnostics;
using System.Text.Json;

namespace GlanceGateway.View.Tests;

/// <summary>What the examinations found, over restarts.</summary>
public sealed class VerdictTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("view-verdicts-").FullName;

    private string VerdictPath => Path.Combine(_home, "verdicts.json");

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task A_start_opens_no_image_that_was_examined_before()
    {
        FakeImageSource source = new();
        Client.Succeed("qemu-img", "create", "-q", "-f", "qcow2", Path.Combine(_home, "good.img"), "1M");
        Client.Succeed("qemu-img", "create", "-q", "-f", "qcow2", "-b", Path.Combine(_home, "good.img"), "-F", "qcow2", Path.Combine(_home, "evil.img"));
        MountedImage good = source.AddFile(Path.Combine(_home, "good.img"), Unexamined("good"));
        MountedImage evil = source.AddFile(Path.Combine(_home, "evil.img"), Unexamined("evil"));

        await SeeAsync(source, good, evil);
        Assert.Equal(2, source.Opens);
        await SeeAsync(source, good, evil);
        Assert.Equal(2, source.Opens);

        // Other content below the same id, and what is said to be something else: examined again, and only they.
        File.AppendAllText(Path.Combine(_home, "good.img"), new string('\0', 512));
        good = source.AddFile(Path.Combine(_home, "good.img"), good with { Attributes = WithHash("other") });
        await SeeAsync(source, good, evil);
        Assert.Equal(3, source.Opens);
        source.Update(evil with { DiskFormat = "vmdk" });
        await SeeAsync(source, good, evil);
        Assert.Equal(4, source.Opens);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"rules\":\"of another build\",\"verdicts\":{}}")]
    [InlineData("{\"rules\":\"")]
    public async Task A_file_that_cannot_be_believed_costs_an_examination(string text)
    {
        FakeImageSource source = new();
        Client.Succeed("qemu-img", "create", "-q", "-f", "qcow2", Path.Combine(_home, "good.img"), "1M");
        MountedImage good = source.AddFile(Path.Combine(_home, "good.img"), Unexamined("good"));
        File.WriteAllText(VerdictPath, text);
        await SeeAsync(source, good);
        await SeeAsync(source, good);
        Assert.Equal(1, source.Opens);
    }

    [Fact]
    public async Task Without_a_hash_the_time_of_the_last_change_tells_one_content_from_another()
    {
        FakeImageSource source = new();
        Client.Succeed("qemu-img", "create", "-q", "-f", "qcow2", Path.Combine(_home, "good.img"), "1M");
        MountedImage good = source.AddFile(Path.Combine(_home, "good.img"), Unexamined("good") with { Attributes = new Dictionary<string, string>() });
        await SeeAsync(source, good);
        await SeeAsync(source, good);
        Assert.Equal(1, source.Opens);
        source.Update(good with { UpdatedAt = good.UpdatedAt.AddSeconds(1) });
        await SeeAsync(source, good);
        Assert.Equal(2, source.Opens);
    }

    private static MountedImage Unexamined(string name) =>
        FakeImageSource.Describe(name, 0) with { DiskFormat = "qcow2", IsUnexamined = true, Attributes = WithHash(name) };

    private static Dictionary<string, string> WithHash(string hash) => new() { ["container_format"] = "bare", ["os_hash_value"] = hash };

    /// <summary>Mounts, waits until the images are shown or held back, and unmounts.</summary>
    private async Task SeeAsync(FakeImageSource source, MountedImage shown, MountedImage? held = null)
    {
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { VerdictFile = VerdictPath });
        Stopwatch clock = Stopwatch.StartNew();
        while (!(Client.Run(() => File.Exists(mount.ById(shown))) && (held is null || NotShown(mount) == held.Id)))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), "not examined");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    private static string? NotShown(TestMount mount) =>
        JsonDocument.Parse(Client.Succeed("cat", mount.At(".status"))).RootElement.GetProperty("not_shown").EnumerateArray()
            .Where(entry => entry.GetProperty("reason").GetString() != "not examined yet").Select(entry => entry.GetProperty("id").GetString()).SingleOrDefault();
}
