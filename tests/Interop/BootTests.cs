using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A real bootable image: GRUB's rescue disk, as ISO and as qcow2.</summary>
public sealed partial class BootTests
{
    private const string Iso = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso";

    /// <summary>A line of the menu in the image's own <c>grub.cfg</c>: GRUB has found, read and understood its file system.</summary>
    private const string MenuLine = "FreeBSD (or GNU/kFreeBSD), via /boot/loader";

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
            var mounted = site.FileOf(id);
            await Eventually.TrueAsync("the file appears", TimeSpan.FromSeconds(1), () => File.Exists(mounted));

            Assert.Equal(hash, await Sha512Async(site["saved"]));
            Assert.Equal(hash, (await site.Images.ShowAsync(id)).GetProperty("os_hash_value").GetString());
            Assert.Equal(hash, await Sha512Async(mounted));
            await ReadByQemuImgAsync(site, mounted, format == "iso" ? "raw" : format);
            await BootAsync(mounted, format);
        }
    }

    private static async Task ReadByQemuImgAsync(Site site, string mounted, string format)
    {
        var info = JsonDocument.Parse(await QemuImgAsync("info", "--output", "json", mounted)).RootElement;
        Assert.Equal((format, new FileInfo(Iso).Length), (info.GetProperty("format").GetString(), info.GetProperty("virtual-size").GetInt64()));
        await QemuImgAsync("compare", "-f", format, "-F", "raw", mounted, Iso);

        var overlay = site["overlay.qcow2"];
        await QemuImgAsync("create", "-q", "-f", "qcow2", "-b", mounted, "-F", format, overlay);
        await QemuImgAsync("compare", "-f", "qcow2", "-F", "raw", overlay, Iso);
        await QemuImgAsync("convert", "-f", "qcow2", "-O", "raw", overlay, site["flat.raw"]);
        Assert.Equal(await Sha512Async(Iso), await Sha512Async(site["flat.raw"]));
    }

    /// <summary>Boots without KVM. SeaBIOS mirrors the screen to the serial console, so what GRUB draws is read there.</summary>
    private static async Task BootAsync(string mounted, string format)
    {
        var drive = format == "iso" ? $"file={mounted},format=raw,media=cdrom,readonly=on" : $"file={mounted},format=qcow2,if=ide,snapshot=on";
        var start = new ProcessStartInfo("qemu-system-x86_64", ["-accel", "tcg", "-nographic", "-nodefaults", "-serial", "stdio", "-vga", "none", "-m", "128", "-drive", drive])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var qemu = Process.Start(start)!;
        var errors = qemu.StandardError.ReadToEndAsync();
        var console = new StringBuilder();
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            limit.CancelAfter(TimeSpan.FromSeconds(60));
            var buffer = new char[4096];
            try
            {
                while (!Shows(console, MenuLine)
                    && await qemu.StandardOutput.ReadAsync(buffer, limit.Token) is var count and > 0)
                {
                    console.Append(buffer, 0, count);
                }
            }
            catch (OperationCanceledException)
            {
                // The assertions below show how far it came.
            }
        }
        finally
        {
            qemu.Kill();
            await qemu.WaitForExitAsync(CancellationToken.None);
        }

        Assert.True(Shows(console, "Welcome to GRUB!") && Shows(console, MenuLine), $"GRUB's menu did not come from {mounted}:\n{console}\n{await errors}");
    }

    /// <summary>Whether a text was drawn. Between two letters the BIOS may move the cursor, and in place of a space as well.</summary>
    private static bool Shows(StringBuilder console, string text) =>
        Movement().Replace(console.ToString(), "").Contains(Movement().Replace(text, ""), StringComparison.Ordinal);

    [GeneratedRegex(@"\x1b\[[0-9;?]*[A-Za-z]|\s", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Movement();

    private static async Task<string> QemuImgAsync(params string[] arguments) => (await Command.RunAsync("qemu-img", arguments)).Succeeded().Output;

    private static async Task<string> Sha512Async(string file) => (await Command.RunAsync("sha512sum", [file])).Succeeded().Output[..128];
}
