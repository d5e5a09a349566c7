using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A real bootable image: GRUB's rescue disk, as ISO and as qcow2.</summary>
public sealed class BootTests
{
    private const string Iso = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso";

    private const string MemoryStore = "stores: { memory: { driver: memory } }\nmount: { directory: $ROOT/mount }";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_bootable_image_is_whole_after_the_client_readable_for_qemu_img_and_boots(bool inMemory)
    {
        Requires.FileOf("grub-rescue-pc", Iso);
        Requires.Programs("qemu-img", "qemu-system-x86_64", "sha512sum");
        Requires.RootMount();
        await using var site = await Site.StartedAsync(mounted: !inMemory, configuration: inMemory ? MemoryStore : null);
        var openstack = RealClient.OpenStack(site);
        var qcow2 = site["disk.qcow2"];
        await QemuImgAsync("convert", "-f", "raw", "-O", "qcow2", Iso, qcow2);

        foreach (var (format, source) in new[] { ("iso", Iso), ("qcow2", qcow2) })
        {
            var hash = await Sha512Async(source);
            var id = (await openstack.JsonAsync("image", "create", format, "--file", source, "--disk-format", format, "--container-format", "bare")).GetProperty("id").GetString()!;
            await openstack.RunAsync("image", "save", "--file", site["saved"], format);
            await Eventually.TrueAsync("the file appears", TimeSpan.FromSeconds(1), () => File.Exists(site.FileOf(id)));

            Assert.Equal(hash, await Sha512Async(site["saved"]));
            Assert.Equal(hash, (await site.Images.ShowAsync(id)).GetProperty("os_hash_value").GetString());
            await ReadAndBootAsync(site, site.Mount, id, format, hash);
        }
    }

    [Fact]
    public async Task A_bootable_image_of_a_remote_service_is_readable_for_qemu_img_and_boots()
    {
        Requires.FileOf("grub-rescue-pc", Iso);
        Requires.Programs("qemu-img", "qemu-system-x86_64", "sha512sum");
        using var home = new TempDirectory();
        await using var site = await Site.StartedAsync();
        var qcow2 = site["disk.qcow2"];
        await QemuImgAsync("convert", "-f", "raw", "-O", "qcow2", Iso, qcow2);
        var ids = new Dictionary<string, string>();
        foreach (var (format, source) in new[] { ("iso", Iso), ("qcow2", qcow2) })
        {
            ids[format] = await site.Images.CreateAsync(format, format);
            using var body = new ByteArrayContent(await File.ReadAllBytesAsync(source, TestContext.Current.CancellationToken));
            Assert.Equal(System.Net.HttpStatusCode.NoContent, await site.Images.UploadAsync(ids[format], body));
        }

        await using var mount = await RemoteMount.StartAsync(home, "--read-ahead", "0B", site.Url);
        await mount.EventuallyAsync(() => ids.Values.All(mount.Shows), "the images are not shown");
        // In the raw view first, where nothing is in the cache yet but what the safety checks read.
        await ReadAndBootAsync(site, mount.Directory, ids["qcow2"], "qcow2", await Sha512Async(qcow2));
        await ReadAndBootAsync(site, mount.Directory, ids["iso"], "iso", await Sha512Async(Iso));
    }

    /// <summary>The file as it is and, for a disk in a container, the disk as the raw view shows it.</summary>
    private static async Task ReadAndBootAsync(Site site, string mount, string id, string format, string hash)
    {
        var mounted = Path.Combine(mount, "by-id", id);
        if (format == "qcow2")
        {
            var raw = Path.Combine(mount, "raw", id + ".raw");
            await BootAsync(raw, "raw");
            Assert.Equal(await Sha512Async(Iso), await Sha512Async(raw));
            await ReadByQemuImgAsync(site, raw, "raw");
        }

        await BootAsync(mounted, format);
        Assert.Equal(hash, await Sha512Async(mounted));
        await ReadByQemuImgAsync(site, mounted, format == "iso" ? "raw" : format);
    }

    private static async Task ReadByQemuImgAsync(Site site, string mounted, string format)
    {
        var info = JsonDocument.Parse(await QemuImgAsync("info", "--output", "json", mounted)).RootElement;
        Assert.Equal((format, new FileInfo(Iso).Length), (info.GetProperty("format").GetString(), info.GetProperty("virtual-size").GetInt64()));
        await QemuImgAsync("compare", "-f", format, "-F", "raw", mounted, Iso);

        var overlay = site["overlay.qcow2"];
        File.Delete(overlay);
        await QemuImgAsync("create", "-q", "-f", "qcow2", "-b", mounted, "-F", format, overlay);
        await QemuImgAsync("compare", "-f", "qcow2", "-F", "raw", overlay, Iso);
        await QemuImgAsync("convert", "-f", "qcow2", "-O", "raw", overlay, site["flat.raw"]);
        Assert.Equal(await Sha512Async(Iso), await Sha512Async(site["flat.raw"]));
    }

    private static async Task BootAsync(string mounted, string format)
    {
        await using var boot = new GrubBoot(
            format == "iso" ? $"file={mounted},format=raw,media=cdrom,readonly=on" : $"file={mounted},format={format},if=ide,snapshot=on", TimeSpan.FromMinutes(3));
        var isBooted = await boot.AwaitAsync(GrubBoot.MenuLine);
        Assert.True(isBooted && boot.Shows(GrubBoot.Welcome), $"GRUB's menu did not come from {mounted}:\n{await boot.EndAsync()}");
    }

    private static async Task<string> QemuImgAsync(params string[] arguments) => (await Command.RunAsync("qemu-img", arguments)).Succeeded().Output;

    private static async Task<string> Sha512Async(string file) => (await Command.RunAsync("sha512sum", [file])).Succeeded().Output[..128];
}
