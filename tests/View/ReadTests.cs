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
