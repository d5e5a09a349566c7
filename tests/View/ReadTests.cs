using GlanceGateway.Abstractions;
using GlanceGateway.Fuse;

namespace GlanceGateway.View.Tests;

/// <summary>Bytes as they come through the mount.</summary>
public sealed class ReadTests
{
    internal static byte[] Noise(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static string MakeFile(byte[] content)
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, content);
        return path;
    }

    private static void ReadAtRandom(string path, byte[] content, int readers, int reads)
    {
        Client.Running[] clients = [.. Enumerable.Range(0, readers).Select(seed => Client.Begin(() =>
        {
            Random random = new(seed);
            int descriptor = Posix.OpenOrThrow(path);
            for (int i = 0; i < reads; i++)
            {
                int offset = random.Next(content.Length);
                int count = random.Next(1, 200_000);
                byte[] got = Posix.ReadAt(descriptor, offset, count);
                Assert.True(content.AsSpan(offset, Math.Min(count, content.Length - offset)).SequenceEqual(got), $"other bytes at {offset}");
            }

            _ = Posix.Close(descriptor);
        }))];
        foreach (Client.Running client in clients)
        {
            client.Join();
        }
    }

    [Fact]
    public async Task A_local_file_is_read_by_the_kernel_itself()
    {
        byte[] content = Noise((4 << 20) + 321);
        string file = MakeFile(content);
        FakeImageSource source = new();
        MountedImage image = source.AddFile(file, FakeImageSource.Describe("disk", 0));
        await using TestMount mount = await TestMount.StartAsync(source);
        Assert.SkipUnless(mount.Mount.PassthroughActive, "this kernel has no passthrough");

        ReadAtRandom(mount.ById(image), content, readers: 8, reads: 200);

        Assert.Equal(0, mount.Mount.Counters[FuseOpcode.Read]);
        Assert.Equal(8, mount.Mount.PassthroughOpens);
        Assert.Equal(0, mount.Mount.CopyOpens);
        File.Delete(file);
    }

    [Fact]
    public async Task A_local_file_is_copied_without_leaving_the_reader_thread_when_passthrough_is_off()
    {
        byte[] content = Noise((4 << 20) + 321);
        string file = MakeFile(content);
        FakeImageSource source = new();
        MountedImage image = source.AddFile(file, FakeImageSource.Describe("disk", 0));
        await using TestMount mount = await TestMount.StartAsync(source, options => options with { Passthrough = false });

        ReadAtRandom(mount.ById(image), content, readers: 8, reads: 200);

        Assert.False(mount.Mount.PassthroughActive);
        Assert.True(mount.Mount.Counters[FuseOpcode.Read] > 0);
        Assert.Equal(0, mount.Mount.Counters.AsynchronousReads);
        Assert.Equal(0, mount.Mount.PassthroughOpens);
        Assert.Equal(8, mount.Mount.CopyOpens);
        File.Delete(file);
    }

    [Fact]
    public async Task An_image_that_becomes_local_is_passed_through_once_the_copied_opens_are_closed()
    {
        byte[] content = Noise(1 << 20);
        string file = MakeFile(content);
        bool local = false;
        FakeImageSource source = new();
        MountedImage image = source.Show(FakeImageSource.Describe("disk", content.Length), () => local ? new FileBytes(file) : new MemoryBytes(content));
        await using TestMount mount = await TestMount.StartAsync(source);
        Assert.SkipUnless(mount.Mount.PassthroughActive, "this kernel has no passthrough");

        for (int round = 1; round <= 3; round++)
        {
            // The kernel answers EIO to opens of one node in two manners, and to two backing files.
            local = false;
            int copied = Client.Run(() => Posix.OpenOrThrow(mount.ById(image)));
            local = true;
            ReadAtRandom(mount.ById(image), content, readers: 2, reads: 10);
            Assert.Equal(3 * round, mount.Mount.CopyOpens);
            Client.Run(() => Posix.Close(copied));
            Client.Eventually(() => mount.Mount.OpenSources == 0, "the copied one is closed");

            int passed = Client.Run(() => Posix.OpenOrThrow(mount.ById(image)));
            local = false;
            ReadAtRandom(mount.ById(image), content, readers: 2, reads: 10);
            Assert.Equal(3 * round, mount.Mount.PassthroughOpens);
            Client.Run(() => Posix.Close(passed));
            Client.Eventually(() => mount.Mount.OpenSources == 0, "the local one is closed");
        }

        File.Delete(file);
    }

    [Fact]
    public async Task A_file_the_kernel_does_not_take_is_copied_and_the_log_says_why_once()
    {
        byte[] content = Noise(300_000);
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        Assert.SkipUnless(mount.Mount.PassthroughActive, "this kernel has no passthrough");
        string[] layers = [mount.Scratch("lower"), mount.Scratch("upper"), mount.Scratch("work"), mount.Scratch("merged")];
        foreach (string layer in layers)
        {
            Directory.CreateDirectory(layer);
        }

        Assert.SkipUnless(
            Client.Execute("mount", "-t", "overlay", "overlay", "-o", $"lowerdir={layers[0]},upperdir={layers[1]},workdir={layers[2]}", layers[3]).ExitCode == 0, "no overlay filesystem here");
        try
        {
            string stacked = Path.Combine(layers[3], "disk");
            string plain = mount.Scratch("disk");
            await File.WriteAllBytesAsync(stacked, content, TestContext.Current.CancellationToken);
            await File.WriteAllBytesAsync(plain, content, TestContext.Current.CancellationToken);
            MountedImage[] images = [source.AddFile(stacked, FakeImageSource.Describe("a", 0)), source.AddFile(stacked, FakeImageSource.Describe("b", 0)), source.AddFile(plain, FakeImageSource.Describe("c", 0))];
            Client.Eventually(() => File.Exists(mount.ById(images[2])), "the images are there");

            foreach (MountedImage image in images)
            {
                Assert.True(content.AsSpan().SequenceEqual(Client.Run(() => File.ReadAllBytes(mount.ById(image)))));
            }

            Assert.Equal((2, 1), (mount.Mount.CopyOpens, mount.Mount.PassthroughOpens));
            Assert.True(mount.Mount.PassthroughActive);
            Assert.Single(mount.Log, line => line.Contains("overlay", StringComparison.Ordinal));
        }
        finally
        {
            Client.Eventually(() => Client.Execute("umount", layers[3]).ExitCode == 0, "the overlay is unmounted");
        }
    }

    [Fact]
    public async Task Bytes_that_come_later_are_read_by_many_from_one_source()
    {
        byte[] content = Noise((4 << 20) + 321);
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(content, FakeImageSource.Describe("disk", 0));
        await using TestMount mount = await TestMount.StartAsync(source);

        ReadAtRandom(mount.ById(image), content, readers: 8, reads: 100);

        Assert.True(mount.Mount.Counters.AsynchronousReads > 0);
        Assert.Equal(8, mount.Mount.CopyOpens);
        Assert.Equal(1, source.Opens);
    }
}
