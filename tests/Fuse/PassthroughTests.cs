using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Opens that the kernel serves from a backing file.</summary>
public sealed unsafe class PassthroughTests : IDisposable
{
    private readonly string _backingPath = Path.GetTempFileName();
    private readonly byte[] _content = new byte[(3 << 20) + 77];

    public PassthroughTests()
    {
        new Random(3).NextBytes(_content);
        File.WriteAllBytes(_backingPath, _content);
    }

    public void Dispose() => File.Delete(_backingPath);

    [Fact]
    public void The_bytes_come_from_the_backing_file_without_a_read_request()
    {
        SampleFileSystem files = new();
        // What the filesystem itself would answer is different on purpose.
        SampleNode disk = files.AddFile("disk", new byte[_content.Length]);
        using TestMount mount = new(files);
        RequirePassthrough(mount);
        disk.Backing = Register(mount);

        Client.Run(() =>
        {
            Assert.True(_content.AsSpan().SequenceEqual(File.ReadAllBytes(mount.At("disk"))));
            int descriptor = Posix.OpenOrThrow(mount.At("disk"));
            Assert.True(_content.AsSpan(1_000_000, 5000).SequenceEqual(Posix.ReadAt(descriptor, 1_000_000, 5000)));
            void* map = Posix.Map(null, 65536, 1, 2, descriptor, 0);
            byte[] mapped = new byte[65536];
            fixed (byte* start = mapped)
            {
                Posix.Copy(start, map, 65536);
            }

            Assert.True(_content.AsSpan(0, 65536).SequenceEqual(mapped));
            Posix.Unmap(map, 65536);
            Posix.Close(descriptor);
        });

        Assert.Equal(0, mount.Counters[FuseOpcode.Read]);
        Assert.Equal(2, mount.Counters[FuseOpcode.Open]);
        disk.Backing.Dispose();
    }

    [Fact]
    public void A_registration_may_be_dropped_and_the_file_unlinked_under_an_open()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", new byte[_content.Length]);
        using TestMount mount = new(files);
        RequirePassthrough(mount);
        disk.Backing = Register(mount);

        Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.At("disk"));
            disk.Backing!.Dispose();
            File.Delete(_backingPath);
            Assert.True(_content.AsSpan(70_000, 9000).SequenceEqual(Posix.ReadAt(descriptor, 70_000, 9000)));
            Posix.Close(descriptor);
        });

        Assert.Equal(0, mount.Counters[FuseOpcode.Read]);
    }

    [Fact]
    public void A_file_changes_to_passthrough_under_another_node_while_old_opens_go_on()
    {
        SampleFileSystem files = new();
        SampleNode cached = files.AddFile("disk", _content);
        using TestMount mount = new(files);
        RequirePassthrough(mount);

        Client.Run(() =>
        {
            int old = Posix.OpenOrThrow(mount.At("disk"));
            Assert.Equal(_content[..4096], Posix.ReadAt(old, 0, 4096));
            SampleNode promoted = files.Replace(cached);
            promoted.Backing = Register(mount);
            Assert.Equal(Errno.None, mount.Session.InvalidateEntry(1, "disk"u8));
            Posix.TryStat(mount.At("disk"), out Posix.Stat stat);
            Assert.Equal(cached.Inode, stat.Inode);
            Assert.NotEqual(cached.Id, promoted.Id);
            long before = mount.Counters[FuseOpcode.Read];
            int current = Posix.OpenOrThrow(mount.At("disk"));
            Assert.Equal(_content[2_000_000..2_100_000], Posix.ReadAt(current, 2_000_000, 100_000));
            Assert.Equal(before, mount.Counters[FuseOpcode.Read]);
            Assert.Equal(_content[2_500_000..2_600_000], Posix.ReadAt(old, 2_500_000, 100_000));
            Assert.True(mount.Counters[FuseOpcode.Read] > before);
            Posix.Close(old);
            Posix.Close(current);
            promoted.Backing.Dispose();
        });
    }

    [Fact]
    public void What_is_no_regular_file_cannot_back_and_reads_are_served_by_copy()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", _content);
        using TestMount mount = new(files);
        RequirePassthrough(mount);
        using SafeFileHandle device = File.OpenHandle("/dev/null");

        Assert.Equal(Errno.EINVAL, mount.Session.TryRegisterBacking(device, 0, out BackingFile? backing));

        Assert.Null(backing);
        Assert.True(_content.AsSpan().SequenceEqual(Client.Run(() => File.ReadAllBytes(mount.At("disk")))));
        Assert.True(mount.Counters[FuseOpcode.Read] > 0);
    }

    [Fact]
    public void Without_the_ability_a_registration_says_so()
    {
        using FakeKernel kernel = new(new SampleFileSystem());
        using SafeFileHandle file = File.OpenHandle(_backingPath);

        Assert.Equal(Errno.EOPNOTSUPP, kernel.Session.TryRegisterBacking(file, 0, out BackingFile? backing));
        Assert.Null(backing);
    }

    private static void RequirePassthrough(TestMount mount) =>
        Assert.SkipUnless(mount.Session.Negotiation.Passthrough, "this kernel has no FUSE passthrough (Linux 6.9)");

    private BackingFile Register(TestMount mount)
    {
        using SafeFileHandle file = File.OpenHandle(_backingPath);
        Assert.Equal(Errno.None, mount.Session.TryRegisterBacking(file, 0, out BackingFile? backing));
        Assert.True(backing!.Id > 0);
        return backing;
    }
}
