namespace GlanceGateway.Fuse.Tests;

/// <summary>Bytes as they come through a mount.</summary>
public sealed unsafe class ReadTests
{
    private static byte[] Noise(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    [Fact]
    public void A_file_reads_back_whole()
    {
        byte[] content = Noise((5 << 20) + 123);
        SampleFileSystem files = new();
        files.AddFile("disk", content);
        using TestMount mount = new(files);

        byte[] read = Client.Run(() => File.ReadAllBytes(mount.At("disk")));

        Assert.True(content.AsSpan().SequenceEqual(read));
        Assert.True(mount.Counters[FuseOpcode.Read] > 0);
        Assert.Equal(0, mount.Counters.AsynchronousReads);
    }

    [Fact]
    public void Many_threads_read_at_random_and_see_the_same_bytes()
    {
        byte[] content = Noise(8 << 20);
        SampleFileSystem files = new();
        files.AddFile("disk", content);
        using TestMount mount = new(files);

        Client.Running[] clients = [.. Enumerable.Range(0, 8).Select(seed => Client.Begin(() =>
        {
            Random random = new(seed);
            int descriptor = Posix.OpenOrThrow(mount.At("disk"));
            for (int i = 0; i < 400; i++)
            {
                int offset = random.Next(content.Length);
                int count = random.Next(1, 200_000);
                byte[] got = Posix.ReadAt(descriptor, offset, count);
                Assert.True(content.AsSpan(offset, Math.Min(count, content.Length - offset)).SequenceEqual(got));
            }

            Posix.Close(descriptor);
        }))];
        foreach (Client.Running client in clients)
        {
            client.Join();
        }
    }
}
