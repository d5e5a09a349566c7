using GlanceGateway.MountChecks;

namespace GlanceGateway.View.Tests;

/// <summary>The table of checks that holds for any mount, on every way that the bytes of an image may take through this one, among ten thousand images.</summary>
public sealed class CheckTests
{
    private const int Images = 10_000;

    [Fact]
    public async Task A_file_that_the_kernel_reads_by_itself_passes_the_table()
    {
        FakeImageSource source = Crowd();
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { WorldReadable = true });
        string original = WriteDisk(mount);
        MountedImage image = source.AddFile(original, FakeImageSource.Describe("disk", 0));

        Check(mount, image, original);
        if (mount.Mount.PassthroughActive)
        {
            Assert.Equal(0, mount.Mount.CopyOpens);
        }
    }

    [Fact]
    public async Task A_file_that_is_copied_passes_the_table()
    {
        FakeImageSource source = Crowd();
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { Passthrough = false });
        string original = WriteDisk(mount);
        MountedImage image = source.AddFile(original, FakeImageSource.Describe("disk", 0));

        Check(mount, image, original);
        Assert.Equal(0, mount.Mount.PassthroughOpens);
    }

    [Fact]
    public async Task Bytes_that_come_later_pass_the_table()
    {
        FakeImageSource source = Crowd();
        await using TestMount mount = await TestMount.StartAsync(source);
        string original = WriteDisk(mount);
        byte[] disk = await File.ReadAllBytesAsync(original, TestContext.Current.CancellationToken);
        MountedImage image = source.AddMemory(disk, FakeImageSource.Describe("disk", 0), bytes => bytes.Holes = [(1 << 20, 8 << 20)]);

        Check(mount, image, original);
        Assert.True(mount.Mount.Counters.AsynchronousReads > 0);
    }

    [Theory]
    [InlineData("qcow2", "qcow2")]
    [InlineData("vmdk", "vmdk")]
    public async Task The_disk_inside_an_image_passes_the_table(string format, string diskFormat)
    {
        FakeImageSource source = Crowd();
        await using TestMount mount = await TestMount.StartAsync(source);
        string original = WriteDisk(mount);
        Client.Succeed("qemu-img", "convert", "-q", "-f", "raw", "-O", format, original, mount.Scratch("image"));
        MountedImage image = source.AddFile(mount.Scratch("image"), FakeImageSource.Describe("disk", 0) with { DiskFormat = diskFormat });
        string raw = mount.At("raw", image.Id + ".raw");
        Client.Eventually(() => mount.List("raw").Length == 1, "the disk is shown");

        Check(mount, image, original, raw);
    }

    /// <summary>Images enough for listings of many pages; nobody opens them.</summary>
    private static FakeImageSource Crowd()
    {
        FakeImageSource source = new();
        source.Send([.. Enumerable.Range(0, Images).Select(i => FakeImageSource.Describe($"image {i}", 4096))], []);
        return source;
    }

    /// <summary>A disk with data, a hole of 7 MiB, and an end in the middle of a page but not of a sector, as formats round to those.</summary>
    private static string WriteDisk(TestMount mount)
    {
        string path = mount.Scratch("disk.raw");
        using FileStream file = File.Create(path);
        file.Write(ReadTests.Noise(1 << 20));
        file.Position = 8 << 20;
        file.Write(ReadTests.Noise(777_728, seed: 2));
        return path;
    }

    private static void Check(TestMount mount, MountedImage image, string original, string? file = null)
    {
        file ??= mount.ById(image);
        Client.Eventually(() => File.Exists(file), "the image is shown");
        MountSubject subject = new()
        {
            File = file,
            Original = original,
            Directories = [mount.At("by-id"), mount.Directory],
            MayDropCaches = true,
            Delete = () => mount.Source.Remove(image),
        };
        List<MountCheckResult> results = [.. Table.Checks.Select(check => check.Try(subject))];
        Assert.Empty(results.Where(result => result.Outcome != MountCheckOutcome.Passed).Select(result => $"{result.Check.Name}: {result.Outcome}: {result.Reason}"));
    }
}
