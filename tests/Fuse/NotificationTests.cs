namespace GlanceGateway.Fuse.Tests;

/// <summary>What readers see after the kernel was told to forget.</summary>
public sealed class NotificationTests
{
    [Fact]
    public void A_removed_name_is_seen_until_it_is_invalidated()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", [1]);
        using TestMount mount = new(files);
        Assert.Equal(Errno.None, Stat(mount));
        SampleFileSystem.Remove(disk);
        Assert.Equal(Errno.None, Stat(mount));

        Assert.Equal(Errno.None, mount.Session.InvalidateEntry(1, "disk"u8));

        Assert.Equal(Errno.ENOENT, Stat(mount));
        Client.Eventually(() => Interlocked.Read(ref disk.Lookups) == 0, "the lookups are given back");
    }

    [Fact]
    public void A_name_is_looked_up_again_after_it_expired_or_the_epoch_passed()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", [1]);
        using TestMount mount = new(files);
        Stat(mount);
        long lookups = mount.Counters[FuseOpcode.Lookup];
        Stat(mount);
        Assert.Equal(lookups, mount.Counters[FuseOpcode.Lookup]);

        Assert.Equal(Errno.None, mount.Session.InvalidateEntry(1, "disk"u8, expireOnly: true));
        Stat(mount);
        Assert.Equal(lookups + 1, mount.Counters[FuseOpcode.Lookup]);

        Assert.SkipWhen(mount.Session.IncrementEpoch() == Errno.ENOSYS, "this kernel has no epochs (Linux 6.16)");
        Stat(mount);
        Assert.Equal(lookups + 2, mount.Counters[FuseOpcode.Lookup]);
    }

    [Fact]
    public void A_deleted_entry_disappears()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", [1]);
        using TestMount mount = new(files);
        Stat(mount);
        SampleFileSystem.Remove(disk);

        Assert.Equal(Errno.None, mount.Session.DeleteEntry(1, disk.Id, "disk"u8));

        Assert.Equal(Errno.ENOENT, Stat(mount));
    }

    [Fact]
    public void New_content_and_a_new_size_are_seen_after_the_node_is_invalidated()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", new byte[8192]);
        using TestMount mount = new(files);
        Assert.Equal(8192, Client.Run(() => File.ReadAllBytes(mount.At("disk")).Length));
        disk.Content = [.. Enumerable.Repeat((byte)7, 20_000)];
        Assert.Equal(new byte[8192], Client.Run(() => File.ReadAllBytes(mount.At("disk"))));

        Assert.Equal(Errno.None, mount.Session.InvalidateNode(disk.Id));

        Assert.Equal(disk.Content, Client.Run(() => File.ReadAllBytes(mount.At("disk"))));
    }

    [Fact]
    public void What_the_kernel_does_not_know_is_no_error()
    {
        using TestMount mount = new(new SampleFileSystem());

        Assert.Equal(Errno.None, mount.Session.InvalidateEntry(1, "never seen"u8));
        Assert.Equal(Errno.None, mount.Session.InvalidateNode(4242));
        Assert.Equal(Errno.None, mount.Session.DeleteEntry(4242, 4243, "never seen"u8));
    }

    [Fact]
    public void An_absent_name_is_asked_for_again_when_it_appears()
    {
        SampleFileSystem files = new();
        using TestMount mount = new(files);
        Assert.Equal(Errno.ENOENT, Stat(mount));
        files.AddFile("disk", [1]);

        Assert.Equal(Errno.None, Stat(mount));
    }

    private static Errno Stat(TestMount mount) => Client.Run(() => Posix.TryStat(mount.At("disk"), out _));
}
