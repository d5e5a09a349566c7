using GlanceGateway.Fuse;

namespace GlanceGateway.View.Tests;

/// <summary>The tools the mount is made for.</summary>
public sealed class QemuTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Qemu_img_inspects_compares_converts_and_layers(bool passthrough)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/qemu-img"), "qemu-img is not installed");
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { Passthrough = passthrough });
        string raw = mount.Scratch("disk.raw");
        string qcow2 = mount.Scratch("disk.qcow2");
        using (FileStream stream = File.Create(raw))
        {
            stream.SetLength(32 << 20);
            stream.Position = 8 << 20;
            stream.Write(ReadTests.Noise(4 << 20));
        }

        Client.Succeed("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2);
        MountedImage image = source.AddFile(qcow2, FakeImageSource.Describe("disk", 0) with { DiskFormat = "qcow2" });
        MountedImage flat = source.AddFile(raw, FakeImageSource.Describe("flat", 0) with { DiskFormat = "raw" });
        Client.Eventually(() => File.Exists(mount.ById(flat)), "the images are there");
        string mounted = mount.At("by-id", image.Id + ".qcow2");

        string info = Client.Succeed("qemu-img", "info", mounted);
        Assert.Contains("file format: qcow2", info, StringComparison.Ordinal);
        Assert.Contains("virtual size: 32 MiB", info, StringComparison.Ordinal);
        Assert.Contains("identical", Client.Succeed("qemu-img", "compare", "-f", "qcow2", "-F", "raw", mounted, raw), StringComparison.Ordinal);
        Assert.Contains("identical", Client.Succeed("qemu-img", "compare", "-f", "raw", "-F", "raw", mount.ById(flat), raw), StringComparison.Ordinal);
        Client.Succeed("qemu-img", "convert", "-T", "none", "-f", "raw", "-O", "raw", mount.ById(flat), mount.Scratch("copy.raw"));
        Assert.Contains("identical", Client.Succeed("qemu-img", "compare", mount.Scratch("copy.raw"), raw), StringComparison.Ordinal);
        string overlay = mount.Scratch("overlay.qcow2");
        Client.Succeed("qemu-img", "create", "-f", "qcow2", "-F", "qcow2", "-b", mounted, overlay);
        Client.Succeed("qemu-img", "check", overlay);
        Assert.Contains("identical", Client.Succeed("qemu-img", "compare", "-f", "qcow2", "-F", "raw", overlay, raw), StringComparison.Ordinal);

        FuseCounters counters = mount.Mount.Counters;
        Assert.True(counters[FuseOpcode.LSeek] > 0);
        if (passthrough && mount.Mount.PassthroughActive)
        {
            Assert.Equal(0, counters[FuseOpcode.Read]);
        }
        else
        {
            Assert.True(counters[FuseOpcode.Read] > 0);
        }
    }
}
