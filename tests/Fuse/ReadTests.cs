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

    [Fact]
    public void A_mapped_file_shows_its_bytes()
    {
        byte[] content = Noise(1 << 20);
        SampleFileSystem files = new();
        files.AddFile("disk", content);
        using TestMount mount = new(files);

        Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.At("disk"));
            void* map = Posix.Map(null, (nuint)content.Length, 1, 2, descriptor, 0); // PROT_READ, MAP_PRIVATE
            Assert.NotEqual(-1, (nint)map);
            byte[] mapped = new byte[content.Length];
            fixed (byte* start = mapped)
            {
                Posix.Copy(start, map, (nuint)content.Length);
            }

            Assert.True(content.AsSpan().SequenceEqual(mapped));
            Posix.Unmap(map, (nuint)content.Length);
            Posix.Close(descriptor);
        });
    }

    [Fact]
    public void Direct_io_reads_past_the_page_cache_each_time()
    {
        byte[] content = Noise(1 << 20);
        SampleFileSystem files = new();
        files.AddFile("disk", content);
        using TestMount mount = new(files);

        Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.At("disk"), Posix.Direct);
            using NativeBufferOwner buffer = new(65536);
            for (int round = 0; round < 2; round++)
            {
                Assert.Equal(65536, (int)Posix.PRead(descriptor, buffer.Address, 65536, 131072));
                Assert.True(content.AsSpan(131072, 65536).SequenceEqual(new ReadOnlySpan<byte>(buffer.Address, 65536)));
            }

            Posix.Close(descriptor);
        });
        Assert.Equal(2, mount.Counters[FuseOpcode.Read]);
    }

    [Fact]
    public void The_page_cache_survives_between_opens()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", Noise(1 << 20));
        using TestMount mount = new(files);

        Client.Run(() => File.ReadAllBytes(mount.At("disk")));
        long reads = mount.Counters[FuseOpcode.Read];
        Client.Run(() => File.ReadAllBytes(mount.At("disk")));

        Assert.Equal(reads, mount.Counters[FuseOpcode.Read]);
    }

    [Fact]
    public void Read_ahead_reaches_one_mebibyte()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", Noise(16 << 20));
        using TestMount mount = new(files);

        Client.Run(() => File.ReadAllBytes(mount.At("disk")));

        // At the kernel's default of 128 KiB it would take 128 requests.
        Assert.InRange(mount.Counters[FuseOpcode.Read], 16, 64);
    }

    [Fact]
    public void Reads_answered_inline_allocate_nothing()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", Noise(1 << 20));
        using TestMount mount = new(files);

        long allocated = Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.At("disk"), Posix.Direct);
            using NativeBufferOwner buffer = new(4096);
            long before = 0;
            for (int i = 0; i < 6000; i++)
            {
                if (i == 1000)
                {
                    before = GC.GetTotalAllocatedBytes(precise: true);
                }

                if (Posix.PRead(descriptor, buffer.Address, 4096, i % 256 * 4096) != 4096)
                {
                    throw new IOException("short read");
                }
            }

            Posix.Close(descriptor);
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        });

        // 5000 reads; what is left belongs to the test host.
        Assert.InRange(allocated, 0, 40_000);
    }

    [Fact]
    public void A_read_that_waits_does_not_hold_up_others()
    {
        SampleFileSystem files = new();
        byte[] content = Noise(300_000);
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        List<SampleNode> slow = [.. Enumerable.Range(0, 20).Select(i => files.AddFile("slow" + i, content))];
        slow.ForEach(node => node.Gate = gate.Task);
        files.AddFile("fast", content);
        using TestMount mount = new(files, session: new FuseSessionOptions { ReaderThreads = 2 });

        // Far more waiting reads than reader threads.
        List<Client.Running> readers = [.. slow.Select(node => Client.Begin(() =>
            Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(mount.At(node.Name))))))];
        Client.Eventually(() => mount.Session.PendingReads >= 20, "all slow reads wait");
        Assert.Equal(content.Length, Client.Run(() => File.ReadAllBytes(mount.At("fast")).Length));
        Assert.Equal(23, Client.Run(() => Posix.ReadEntries(Posix.OpenOrThrow(mount.Directory, Posix.OpenDirectoryFlag), 65536).Count));
        Assert.All(readers, reader => Assert.False(reader.Ended));

        gate.SetResult();
        readers.ForEach(reader => reader.Join());
        Client.Eventually(() => mount.Session.PendingReads == 0, "no read is left");
    }

    [Fact]
    public void A_failed_fetch_is_an_io_error_and_the_next_try_works()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", Noise(10_000));
        TaskCompletionSource gate = new();
        disk.Gate = gate.Task;
        RecordingLogger log = new();
        using TestMount mount = new(files, logger: log);
        Client.Running reader = Client.Begin(() => Assert.Throws<IOException>(() => File.ReadAllBytes(mount.At("disk"))));
        Client.Eventually(() => mount.Session.PendingReads > 0, "the read waits");

        gate.SetException(new IOException("backend gone"));
        reader.Join();
        disk.Gate = null;

        Assert.Contains(log.Lines, line => line.Contains("backend gone", StringComparison.Ordinal));
        Assert.Equal(10_000, Client.Run(() => File.ReadAllBytes(mount.At("disk")).Length));
    }

    [Fact]
    public void A_defect_of_the_filesystem_is_an_io_error_and_a_log_line()
    {
        SampleFileSystem files = new();
        files.Add(new SampleNode { Id = 0, Kind = FileKind.Regular, Content = [1], Throws = true }, "broken");
        RecordingLogger log = new();
        using TestMount mount = new(files, logger: log);

        (int descriptor, Errno error) = Client.Run(() => (Posix.Open(mount.At("broken"), 0), Posix.Error));

        Assert.Equal((-1, Errno.EIO), (descriptor, error));
        Assert.Contains(log.Lines, line => line.Contains("a defect of the filesystem", StringComparison.Ordinal));
    }

    private sealed class NativeBufferOwner(int size) : IDisposable
    {
        private readonly NativeBuffer _buffer = new(size);

        internal byte* Address => _buffer.Address;

        public void Dispose() => _buffer.Free();
    }
}
