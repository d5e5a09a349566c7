using System.Diagnostics;
using System.Text.Json;

namespace GlanceGateway.View.Tests;

/// <summary>The disks inside images, what is known of them, and what is held back.</summary>
public sealed class RawTests
{
    [Theory]
    [InlineData("qcow2", "qcow2", "compat=1.1")]
    [InlineData("vmdk", "vmdk", "subformat=streamOptimized")]
    [InlineData("vpc", "vhd", "subformat=dynamic,force_size=on")]
    public async Task The_disk_inside_an_image_is_a_file(string format, string diskFormat, string options)
    {
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        byte[] disk = Disk();
        MountedImage image = Add(source, mount, disk, format, diskFormat, options);

        await EventuallyAsync(() => mount.List("raw").SequenceEqual([image.Id + ".raw"]), "no raw view");
        string raw = mount.At("raw", image.Id + ".raw");
        Assert.Equal($"{disk.Length}\n", Client.Succeed("stat", "-c", "%s", raw));
        Assert.True(disk.AsSpan().SequenceEqual(Client.Run(() => File.ReadAllBytes(raw))));
        Client.Succeed("qemu-img", "compare", "-f", format, "-F", "raw", mount.ById(image), raw);
        Assert.Equal(disk.Length, JsonDocument.Parse(Client.Succeed("cat", mount.At("metadata", image.Id + ".json"))).RootElement.GetProperty("virtual_size").GetInt64());

        source.Remove(image);
        await EventuallyAsync(() => mount.List("raw").Length == 0 && mount.List("metadata").Length == 0, "still there");
    }

    [Fact]
    public async Task A_raw_disk_is_there_at_once_and_read_by_the_kernel_itself()
    {
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        byte[] disk = Disk();
        await File.WriteAllBytesAsync(mount.Scratch("disk.raw"), disk, TestContext.Current.CancellationToken);
        MountedImage image = source.AddFile(mount.Scratch("disk.raw"), FakeImageSource.Describe("a", 0) with { DiskFormat = "raw" });

        await EventuallyAsync(() => mount.List("raw").Length == 1, "no raw view");
        Assert.True(disk.AsSpan().SequenceEqual(Client.Run(() => File.ReadAllBytes(mount.At("raw", image.Id + ".raw")))));
        Assert.Equal(mount.Mount.PassthroughActive ? 1 : 0, mount.Mount.PassthroughOpens);
    }

    [Fact]
    public async Task What_nobody_checked_is_shown_only_when_it_is_safe()
    {
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        Client.Succeed("qemu-img", "create", "-q", "-f", "qcow2", mount.Scratch("base.img"), "1M");
        Client.Succeed("qemu-img", "create", "-q", "-f", "qcow2", "-b", mount.Scratch("base.img"), "-F", "qcow2", mount.Scratch("evil.img"));
        MountedImage good = source.AddFile(mount.Scratch("base.img"), Unexamined("good", "qcow2"));
        MountedImage evil = source.AddFile(mount.Scratch("evil.img"), Unexamined("evil", "qcow2"));
        MountedImage liar = source.AddFile(mount.Scratch("base.img"), Unexamined("liar", "vmdk"));

        await EventuallyAsync(() => Status(mount).GetProperty("not_shown").GetArrayLength() == 2 && mount.List("raw").Length == 1, "not examined");
        Assert.Equal([good.Id, good.Id + ".qcow2"], mount.List("by-id"));
        Assert.Equal(["good"], mount.List("by-name", "p1"));
        Dictionary<string, string> reasons = Status(mount).GetProperty("not_shown").EnumerateArray()
            .ToDictionary(entry => entry.GetProperty("id").GetString()!, entry => entry.GetProperty("reason").GetString()!);
        Assert.Contains("backing file", reasons[evil.Id], StringComparison.Ordinal);
        Assert.Contains("disk_format is vmdk", reasons[liar.Id], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_that_cannot_be_shown_raw_says_why()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(ReadTests.Noise(100_000), FakeImageSource.Describe("a", 0) with { DiskFormat = "qcow2" });
        await using TestMount mount = await TestMount.StartAsync(source);

        await EventuallyAsync(() => Status(mount).GetProperty("no_raw_view").ToString().Contains("no known format", StringComparison.Ordinal), "no reason");
        Assert.Equal([image.Id, image.Id + ".qcow2"], mount.List("by-id"));
        Assert.Empty(mount.List("raw"));
    }

    [Fact]
    public async Task Images_are_found_by_the_hash_of_their_bytes()
    {
        FakeImageSource source = new();
        Dictionary<string, string> hash = new() { ["os_hash_algo"] = "sha512", ["os_hash_value"] = new string('a', 128) };
        MountedImage[] twins = [.. Enumerable.Range(1, 2).Select(i => source.AddMemory([1, 2], FakeImageSource.Describe($"twin {i}", 0) with { Attributes = hash })).OrderBy(image => image.Id, StringComparer.Ordinal)];
        await using TestMount mount = await TestMount.StartAsync(source);
        string path = mount.At("by-hash", "sha512", hash["os_hash_value"]);
        string? Target() => Client.Run(() => new FileInfo(path).LinkTarget);

        Assert.Equal("../../by-id/" + twins[0].Id, Target());
        source.Remove(twins[0]);
        await EventuallyAsync(() => Target() == "../../by-id/" + twins[1].Id, "the link did not move");
        source.Remove(twins[1]);
        await EventuallyAsync(() => mount.List("by-hash").Length == 0, "the directory is still there");
    }

    [Fact]
    public async Task The_status_is_read_anew_each_time()
    {
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        Assert.Equal(0, Status(mount).GetProperty("images").GetInt32());
        source.AddMemory([1], FakeImageSource.Describe("a", 0));
        await EventuallyAsync(() => Status(mount).GetProperty("images").GetInt32() == 1, "the status stays");
    }

    private static MountedImage Unexamined(string name, string diskFormat) =>
        FakeImageSource.Describe(name, 0) with { DiskFormat = diskFormat, IsUnexamined = true, Attributes = new Dictionary<string, string> { ["container_format"] = "bare" } };

    private static MountedImage Add(FakeImageSource source, TestMount mount, byte[] disk, string format, string diskFormat, string options)
    {
        File.WriteAllBytes(mount.Scratch("disk.raw"), disk);
        Client.Succeed("qemu-img", "convert", "-f", "raw", "-O", format, "-o", options, mount.Scratch("disk.raw"), mount.Scratch("disk.img"));
        return source.AddFile(mount.Scratch("disk.img"), FakeImageSource.Describe("a", 0) with { DiskFormat = diskFormat });
    }

    private static byte[] Disk()
    {
        byte[] disk = new byte[9 << 20];
        ReadTests.Noise(700_000).CopyTo(disk, 300_000);
        ReadTests.Noise(10_000).CopyTo(disk, 8_500_000);
        return disk;
    }

    private static JsonElement Status(TestMount mount) => JsonDocument.Parse(Client.Succeed("cat", mount.At(".status"))).RootElement;

    private static async Task EventuallyAsync(Func<bool> condition, string otherwise)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), otherwise);
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
