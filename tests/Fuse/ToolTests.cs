namespace GlanceGateway.Fuse.Tests;

/// <summary>Programs that people point at a mount.</summary>
public sealed class ToolTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Qemu_img_reads_compares_converts_and_stacks_on_a_mounted_image(bool passthrough)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/qemu-img"), "qemu-img is not installed");
        byte[] content = new byte[4 << 20];
        new Random(11).NextBytes(content.AsSpan(1 << 20, 2 << 20));
        string scratch = Directory.CreateTempSubdirectory("fuse-qemu-").FullName;
        string plain = Path.Combine(scratch, "plain");
        File.WriteAllBytes(plain, content);
        SampleFileSystem files = new();
        SampleNode disk = files.Add(new SampleNode { Id = 0, Kind = FileKind.Regular, Content = content, Data = [(1 << 20, 3 << 20)] }, "disk");
        try
        {
            using TestMount mount = new(files);
            if (passthrough)
            {
                Assert.SkipUnless(mount.Session.Negotiation.Passthrough, "this kernel has no FUSE passthrough (Linux 6.9)");
                using Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(plain);
                Assert.Equal(Errno.None, mount.Session.TryRegisterBacking(handle, 0, out BackingFile? backing));
                disk.Backing = backing;
            }

            string image = mount.At("disk");
            Assert.Contains("disk size: 2 MiB", Succeed("info", "-f", "raw", image), StringComparison.Ordinal);
            Assert.Contains("identical", Succeed("compare", "-f", "raw", "-F", "raw", image, plain), StringComparison.Ordinal);
            Succeed("convert", "-f", "raw", "-O", "qcow2", image, Path.Combine(scratch, "copy.qcow2"));
            Succeed("convert", "-t", "none", "-T", "none", "-m", "16", "-W", "-f", "raw", "-O", "raw", image, Path.Combine(scratch, "copy.raw"));
            Assert.Equal(content, File.ReadAllBytes(Path.Combine(scratch, "copy.raw")));
            Succeed("create", "-f", "qcow2", "-b", image, "-F", "raw", Path.Combine(scratch, "overlay.qcow2"));
            Assert.Contains("identical", Succeed("compare", Path.Combine(scratch, "overlay.qcow2"), plain), StringComparison.Ordinal);

            Assert.Equal(passthrough, mount.Counters[FuseOpcode.Read] == 0);
            Assert.True(mount.Counters[FuseOpcode.LSeek] > 0);
        }
        finally
        {
            disk.Backing?.Dispose();
            Directory.Delete(scratch, recursive: true);
        }
    }

    [Fact]
    public void Find_tar_and_checksums_see_the_whole_tree()
    {
        SampleFileSystem files = new();
        SampleNode parent = files.Root;
        for (int depth = 0; depth < 5; depth++)
        {
            parent = files.AddDirectory("d" + depth, parent);
            for (int i = 0; i < 40; i++)
            {
                files.AddFile("f" + i, [.. Enumerable.Repeat((byte)i, i * 1000)], parent);
            }
        }

        using TestMount mount = new(files);

        (int exit, string found) = Client.Execute("find", mount.Directory, "-type", "f", "-size", "-100");
        Assert.Equal((0, 200), (exit, found.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        string archive = Path.GetTempFileName();
        try
        {
            Assert.Equal((0, ""), Client.Execute("tar", "-C", mount.Directory, "-cf", archive, "."));
            Assert.Equal((0, ""), Client.Execute("tar", "-C", mount.Directory, "-df", archive));
        }
        finally
        {
            File.Delete(archive);
        }
    }

    private static string Succeed(params string[] arguments)
    {
        (int exit, string output) = Client.Execute("qemu-img", arguments);
        Assert.True(exit == 0, output);
        return output;
    }
}
