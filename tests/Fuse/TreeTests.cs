using System.Runtime.InteropServices;
using System.Text;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Names, attributes, listings, links, extended attributes and the refusal of every change.</summary>
public sealed unsafe class TreeTests
{
    [Fact]
    public void Attributes_arrive_as_given()
    {
        SampleFileSystem files = new();
        files.Add(new SampleNode { Id = 0, Kind = FileKind.Regular, Content = new byte[10_000], Inode = 4711, Permissions = 0x120, Data = [(0, 4096)] }, "disk");
        using TestMount mount = new(files);

        Posix.Stat stat = Client.Run(() =>
        {
            Assert.Equal(Errno.None, Posix.TryStat(mount.At("disk"), out Posix.Stat result));
            return result;
        });

        Assert.Equal(new Posix.Stat(4711, 10_000, 8, 0x8120, 1, 0, 1_600_000_000), stat);
    }

    [Fact]
    public void A_missing_name_is_enoent()
    {
        using TestMount mount = new(new SampleFileSystem());

        Assert.Equal(Errno.ENOENT, Client.Run(() => Posix.TryStat(mount.At("nothing"), out _)));
        Assert.Equal(Errno.ENOENT, Client.Run(() => Posix.TryStat(mount.At("nothing/below"), out _)));
    }

    [Fact]
    public void A_path_through_a_file_is_enotdir()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", [1]);
        using TestMount mount = new(files);

        Assert.Equal(Errno.ENOTDIR, Client.Run(() => Posix.TryStat(mount.At("disk/below"), out _)));
    }

    [Theory]
    [InlineData(255, Errno.None)]
    [InlineData(256, Errno.ENAMETOOLONG)]
    [InlineData(1000, Errno.ENAMETOOLONG)]
    [InlineData(3000, Errno.ENAMETOOLONG)]
    public void Names_end_at_255_bytes(int length, Errno expected)
    {
        SampleFileSystem files = new();
        string name = new('n', length);
        files.AddFile(name, [1]);
        using TestMount mount = new(files);

        Assert.Equal(expected, Client.Run(() => Posix.TryStat(mount.At(name), out _)));
    }

    [Fact]
    public void Names_are_bytes_and_may_be_any_utf8()
    {
        SampleFileSystem files = new();
        string name = string.Concat(Enumerable.Repeat("ü", 127)) + "!";
        files.AddFile(name, [1, 2]);
        using TestMount mount = new(files);

        Assert.Equal(2, Client.Run(() => File.ReadAllBytes(mount.At(name)).Length));
        Assert.Contains(name, Client.Run(() => List(mount.Directory, 4096)));
    }

    [Theory]
    [InlineData(300)]
    [InlineData(1024)]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    public void Ten_thousand_names_are_listed_once_each_whatever_the_buffer(int bufferBytes)
    {
        (SampleFileSystem files, HashSet<string> names) = Crowd(10_000);
        using TestMount mount = new(files);

        List<string> listed = Client.Run(() => List(mount.At("crowd"), bufferBytes));

        Assert.Equal(names.Count + 2, listed.Count);
        Assert.True(names.SetEquals(listed.Where(name => name is not ("." or ".."))));
    }

    [Fact]
    public void A_listing_goes_on_from_every_offset()
    {
        (SampleFileSystem files, _) = Crowd(10_000);
        using TestMount mount = new(files);

        Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.At("crowd"), Posix.OpenDirectoryFlag);
            List<(string Name, long Next)> whole = [];
            while (Posix.ReadEntries(descriptor, 1 << 16) is { Count: > 0 } page)
            {
                whole.AddRange(page.Select(entry => (entry.Name, entry.Next)));
            }

            Assert.Equal(10_002, whole.Count);
            Assert.Equal(whole.Count, whole.Select(entry => entry.Next).Distinct().Count());
            for (int i = 0; i < whole.Count; i++)
            {
                Assert.Equal(whole[i].Next, Posix.Seek(descriptor, whole[i].Next, 0));
                List<(string Name, long Next, ulong Inode, int Kind)> rest = Posix.ReadEntries(descriptor, 512);
                if (i + 1 < whole.Count)
                {
                    Assert.Equal(whole[i + 1].Name, rest[0].Name);
                }
                else
                {
                    Assert.Empty(rest);
                }
            }

            Posix.Close(descriptor);
        });
    }

    [Fact]
    public void A_listing_survives_names_that_go_and_come_in_between()
    {
        (SampleFileSystem files, HashSet<string> names) = Crowd(1000);
        SampleNode crowd = files.Root.ByName["crowd"];
        using TestMount mount = new(files);

        List<string> listed = Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.At("crowd"), Posix.OpenDirectoryFlag);
            List<string> seen = [];
            for (int page = 0; Posix.ReadEntries(descriptor, 600) is { Count: > 0 } entries; page++)
            {
                seen.AddRange(entries.Select(entry => entry.Name));
                if (page < 50)
                {
                    // Behind and ahead of the reader.
                    SampleFileSystem.Remove(crowd.Children[0]);
                    files.AddFile("late" + page, [], crowd);
                }
            }

            Posix.Close(descriptor);
            return seen;
        });

        Assert.Equal(listed.Count, listed.Distinct().Count());
        Assert.True(crowd.Children.All(child => listed.Contains(child.Name)));
        Assert.True(names.Count <= listed.Count);
    }

    [Fact]
    public void A_listing_carries_kinds_and_inode_numbers()
    {
        SampleFileSystem files = new();
        files.Add(new SampleNode { Id = 0, Kind = FileKind.Regular, Inode = 70 }, "file");
        files.Add(new SampleNode { Id = 0, Kind = FileKind.Directory, Inode = 71 }, "directory");
        files.Add(new SampleNode { Id = 0, Kind = FileKind.SymbolicLink, Inode = 72, Content = "file"u8.ToArray() }, "link");
        using TestMount mount = new(files);

        List<(string Name, long Next, ulong Inode, int Kind)> entries = Client.Run(() =>
            Posix.ReadEntries(Posix.OpenOrThrow(mount.Directory, Posix.OpenDirectoryFlag), 4096));

        Assert.Equal(
            [(".", 1ul, 4), ("..", 1ul, 4), ("file", 70ul, 8), ("directory", 71ul, 4), ("link", 72ul, 10)],
            entries.Select(entry => (entry.Name, entry.Inode, entry.Kind)));
    }

    [Fact]
    public void A_link_is_followed_and_its_target_cached()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", [1, 2, 3]);
        files.Add(new SampleNode { Id = 0, Kind = FileKind.SymbolicLink, Content = "disk"u8.ToArray() }, "link");
        using TestMount mount = new(files);

        Assert.Equal([1, 2, 3], Client.Run(() => File.ReadAllBytes(mount.At("link"))));
        Assert.Equal([1, 2, 3], Client.Run(() => File.ReadAllBytes(mount.At("link"))));
        Assert.Equal("disk", Client.Run(() => new FileInfo(mount.At("link")).LinkTarget));
        Assert.Equal(1, mount.Counters[FuseOpcode.ReadLink]);
    }

    [Fact]
    public void Extended_attributes_answer_probes_reads_and_short_buffers()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", [1]);
        disk.Xattrs["user.checksum"] = "0123456789"u8.ToArray();
        disk.Xattrs["user.empty"] = [];
        using TestMount mount = new(files);

        Client.Run(() =>
        {
            string path = mount.At("disk");
            byte* value = stackalloc byte[100];
            Assert.Equal(10, (int)Posix.GetXattr(path, "user.checksum", null, 0));
            Assert.Equal(10, (int)Posix.GetXattr(path, "user.checksum", value, 100));
            Assert.Equal("0123456789", Encoding.ASCII.GetString(value, 10));
            Assert.Equal(10, (int)Posix.GetXattr(path, "user.checksum", value, 10));
            Assert.Equal(-1, (int)Posix.GetXattr(path, "user.checksum", value, 9));
            Assert.Equal(Errno.ERANGE, Posix.Error);
            Assert.Equal(0, (int)Posix.GetXattr(path, "user.empty", value, 100));
            Assert.Equal(-1, (int)Posix.GetXattr(path, "user.none", value, 100));
            Assert.Equal(Errno.ENODATA, Posix.Error);
            int length = "user.checksum".Length + "user.empty".Length + 2;
            Assert.Equal(length, (int)Posix.ListXattr(path, null, 0));
            Assert.Equal(length, (int)Posix.ListXattr(path, value, 100));
            Assert.Equal("user.checksum\0user.empty\0", Encoding.ASCII.GetString(value, length));
            Assert.Equal(-1, (int)Posix.ListXattr(path, value, 5));
            Assert.Equal(Errno.ERANGE, Posix.Error);
        });
    }

    [Fact]
    public void Holes_and_data_are_found()
    {
        SampleFileSystem files = new();
        files.Add(new SampleNode { Id = 0, Kind = FileKind.Regular, Content = new byte[100_000], Data = [(10_000, 20_000), (50_000, 60_000)] }, "sparse");
        using TestMount mount = new(files);

        Client.Run(() =>
        {
            const int Data = 3;
            const int Hole = 4;
            int descriptor = Posix.OpenOrThrow(mount.At("sparse"));
            Assert.Equal(10_000, Posix.Seek(descriptor, 0, Data));
            Assert.Equal(20_000, Posix.Seek(descriptor, 10_000, Hole));
            Assert.Equal(50_000, Posix.Seek(descriptor, 20_000, Data));
            Assert.Equal(0, Posix.Seek(descriptor, 0, Hole));
            Assert.Equal(60_000, Posix.Seek(descriptor, 55_000, Hole));
            Assert.Equal(-1, Posix.Seek(descriptor, 60_000, Data));
            Assert.Equal(Errno.ENXIO, Posix.Error);
            Assert.Equal(-1, Posix.Seek(descriptor, 100_000, Hole));
            Assert.Equal(Errno.ENXIO, Posix.Error);
            Assert.Equal(100_000, Posix.Seek(descriptor, 0, 2));
            Posix.Close(descriptor);
        });
        Assert.Equal(7, mount.Counters[FuseOpcode.LSeek]);
    }

    [Fact]
    public void Statistics_arrive()
    {
        using TestMount mount = new(new SampleFileSystem());

        (int exit, string output) = Client.Execute("stat", "-f", "-c", "%S %b %f %c %l", mount.Directory);

        Assert.Equal((0, "4096 123 0 1 255\n"), (exit, output));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_change_is_refused_as_read_only(bool mountedReadOnly)
    {
        SampleFileSystem files = new();
        files.AddFile("disk", [1]);
        using TestMount mount = new(files, new FuseMountOptions { ReadOnly = mountedReadOnly });

        Client.Run(() =>
        {
            string disk = mount.At("disk");
            byte value = 1;
            Refused(Posix.Open(disk, Posix.ReadWrite));
            Refused(Posix.Open(disk, Posix.WriteOnly));
            Refused(Posix.MkDir(mount.At("new"), 0x1ff));
            Refused(Posix.Unlink(disk));
            Refused(Posix.Rename(disk, mount.At("other")));
            Refused(Posix.ChMod(disk, 0x1ff));
            Refused(Posix.Truncate(disk, 0));
            Refused(Posix.SetXattr(disk, "user.x", &value, 1, 0));
        });

        static void Refused(int result) => Assert.Equal((-1, Errno.EROFS), (result, Posix.Error));
    }

    [Fact]
    public void Locks_of_every_kind_work_as_qemu_takes_them()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", new byte[1000]);
        using TestMount mount = new(files);

        Client.Run(() =>
        {
            const int SetLock = 6;
            const int OfdGetLock = 36;
            const int OfdSetLock = 37;
            const short ReadLock = 0;
            const short Unlocked = 2;
            int first = Posix.OpenOrThrow(mount.At("disk"));
            int second = Posix.OpenOrThrow(mount.At("disk"));
            // QEMU: shared OFD locks on single bytes from 100 and from 200, then a probe whether an exclusive one would hold.
            FileLock shared = new() { Type = ReadLock, Start = 100, Length = 1 };
            Assert.Equal(0, Posix.FileControl(first, OfdSetLock, &shared));
            FileLock again = new() { Type = ReadLock, Start = 201, Length = 1 };
            Assert.Equal(0, Posix.FileControl(second, OfdSetLock, &again));
            FileLock probe = new() { Type = 1, Start = 100, Length = 1 };
            Assert.Equal(0, Posix.FileControl(second, OfdGetLock, &probe));
            Assert.NotEqual(Unlocked, probe.Type);
            FileLock classic = new() { Type = ReadLock, Start = 0, Length = 10 };
            Assert.Equal(0, Posix.FileControl(first, SetLock, &classic));
            Assert.Equal(0, Posix.FLock(first, 2 | 4)); // LOCK_EX | LOCK_NB
            Assert.Equal(-1, Posix.FLock(second, 2 | 4));
            Assert.Equal(Errno.EAGAIN, Posix.Error);
            Posix.Close(first);
            Posix.Close(second);
        });
        Assert.Equal(0, mount.Counters[FuseOpcode.SetLk] + mount.Counters[FuseOpcode.GetLk] + mount.Counters[FuseOpcode.SetLkWait]);
    }

    [Fact]
    public void Device_control_is_enotty_and_fsync_succeeds()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", [1]);
        using TestMount mount = new(files);

        Client.Run(() =>
        {
            int descriptor = Posix.OpenOrThrow(mount.At("disk"));
            byte* buffer = stackalloc byte[64];
            Assert.Equal((-1, Errno.ENOTTY), (Posix.IoControl(descriptor, 0x80081272, buffer), Posix.Error)); // BLKGETSIZE64
            Assert.Equal(0, Posix.FSync(descriptor));
            Posix.Close(descriptor);
        });
    }

    [Fact]
    public void The_kernel_checks_permission_bits()
    {
        SampleFileSystem files = new();
        files.Add(new SampleNode { Id = 0, Kind = FileKind.Regular, Content = "secret"u8.ToArray(), Permissions = 0x100 }, "private");
        files.AddFile("public", "open"u8.ToArray());
        using TestMount mount = new(files, new FuseMountOptions { AllowOther = true });

        Assert.NotEqual(0, Client.Execute("setpriv", "--reuid", "65534", "--clear-groups", "cat", mount.At("private")).ExitCode);
        Assert.Equal((0, "open"), Client.Execute("setpriv", "--reuid", "65534", "--clear-groups", "cat", mount.At("public")));
    }

    [Fact]
    public void Without_allow_other_the_mount_is_closed_to_other_users()
    {
        SampleFileSystem files = new();
        files.AddFile("public", "open"u8.ToArray());
        using TestMount mount = new(files);

        Assert.NotEqual(0, Client.Execute("setpriv", "--reuid", "65534", "--clear-groups", "cat", mount.At("public")).ExitCode);
    }

    [Fact]
    public void Each_open_is_released_once()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", new byte[1000]);
        using TestMount mount = new(files);

        Client.Running[] clients = [.. Enumerable.Range(0, 4).Select(_ => Client.Begin(() =>
        {
            for (int i = 0; i < 500; i++)
            {
                Posix.Close(Posix.OpenOrThrow(mount.At("disk")));
            }
        }))];
        foreach (Client.Running client in clients)
        {
            client.Join();
        }

        Assert.Equal(2000, mount.Counters[FuseOpcode.Open]);
        Client.Eventually(() => Interlocked.Read(ref disk.Opens) == 0, "all opens are released");
    }

    private static (SampleFileSystem Files, HashSet<string> Names) Crowd(int count)
    {
        SampleFileSystem files = new();
        SampleNode crowd = files.AddDirectory("crowd");
        HashSet<string> names = [];
        for (int i = 0; i < count; i++)
        {
            string name = i + new string('x', i % 200);
            names.Add(name);
            files.AddFile(name, [], crowd);
        }

        return (files, names);
    }

    private static List<string> List(string path, int bufferBytes)
    {
        int descriptor = Posix.OpenOrThrow(path, Posix.OpenDirectoryFlag);
        List<string> names = [];
        while (Posix.ReadEntries(descriptor, bufferBytes) is { Count: > 0 } page)
        {
            names.AddRange(page.Select(entry => entry.Name));
        }

        Posix.Close(descriptor);
        return names;
    }

    /// <summary>struct flock of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FileLock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Pid;
    }
}
