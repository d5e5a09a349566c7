using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Fuse.Tests;

/// <summary>Mounting, unmounting, dead servers, and taking over from one.</summary>
public sealed class LifeCycleTests
{
    [Fact]
    public async Task The_mount_has_the_name_and_type_asked_for_and_is_gone_after_a_stop()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", [1]);
        using TestMount mount = new(files, new FuseMountOptions { FsName = "my source", Subtype = "sample", ReadAheadKib = 2048 });
        string line = Assert.Single(File.ReadLines("/proc/self/mountinfo"), text => text.Contains(mount.Directory, StringComparison.Ordinal));
        Assert.Contains(" ro,nosuid,nodev", line, StringComparison.Ordinal);
        Assert.Contains(" - fuse.sample my\\040source ", line, StringComparison.Ordinal);
        Assert.Contains("max_read=1048576", line, StringComparison.Ordinal);
        string readAhead = await File.ReadAllTextAsync($"/sys/class/bdi/0:{mount.Server.Mount.Connection}/read_ahead_kb", TestContext.Current.CancellationToken);
        Assert.Equal("2048", readAhead.Trim());

        Assert.True(await mount.Server.StopAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));

        Assert.Null(MountTable.Find(mount.Directory));
        Assert.Equal(UnmountOutcome.AlreadyGone, mount.Server.Mount.Unmount());
    }

    [Fact]
    public async Task A_busy_mount_is_detached_and_its_open_file_works_until_it_is_closed()
    {
        SampleFileSystem files = new();
        byte[] content = new byte[1 << 20];
        new Random(5).NextBytes(content);
        files.AddFile("disk", content);
        using TestMount mount = new(files);
        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.At("disk")));

        Assert.Equal(UnmountOutcome.Detached, mount.Server.Mount.Unmount());

        Assert.Null(MountTable.Find(mount.Directory));
        Assert.False(mount.Session.Completion.IsCompleted);
        Assert.Equal(content[500_000..700_000], Client.Run(() => Posix.ReadAt(descriptor, 500_000, 200_000)));
        Client.Run(() => Posix.Close(descriptor));
        await mount.Session.Completion.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_an_open_file_forever()
    {
        SampleFileSystem files = new();
        files.AddFile("disk", new byte[1 << 20]);
        using TestMount mount = new(files);
        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.At("disk")));

        Assert.False(await mount.Server.StopAsync(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken));

        Assert.True(mount.Session.Completion.IsCompleted);
        Client.Run(() => Assert.Throws<IOException>(() => Posix.ReadAt(descriptor, 0, 100)));
        Client.Run(() => Posix.Close(descriptor));
    }

    [Fact]
    public void Reads_that_wait_end_when_the_mount_goes()
    {
        SampleFileSystem files = new();
        SampleNode disk = files.AddFile("disk", new byte[1000]);
        disk.Gate = new TaskCompletionSource().Task;
        TestMount mount = new(files);
        Client.Running reader = Client.Begin(() => Record.Exception(() => File.ReadAllBytes(mount.At("disk"))));
        Client.Eventually(() => mount.Session.PendingReads > 0, "the read waits");

        mount.Dispose();

        reader.Join();
        Client.Eventually(() => mount.Session.PendingReads == 0, "the filesystem was told to stop");
    }

    [Fact]
    public void A_dead_mount_is_replaced_at_start()
    {
        TestMount.RequireFuse();
        string directory = TestMount.MakeDirectory();
        try
        {
            // A server that dies after the negotiation: its device closes and the mount stays.
            for (int layer = 0; layer < 2; layer++)
            {
                FuseMount dead = FuseMount.Create(directory, new FuseMountOptions(), NullLogger.Instance);
                dead.Device.Dispose();
                Assert.Equal(Errno.ENOTCONN, Client.Run(() => Posix.TryStat(directory + "/x", out _)));
            }

            SampleFileSystem files = new();
            files.AddFile("disk", [1, 2]);
            using (FuseServer server = FuseServer.Start(directory, files, new FuseMountOptions(), new FuseSessionOptions(), NullLogger.Instance))
            {
                Assert.Equal(2, Client.Run(() => File.ReadAllBytes(directory + "/disk").Length));
            }

            Assert.Null(MountTable.Find(directory));
        }
        finally
        {
            TestMount.RemoveDirectory(directory);
        }
    }

    [Fact]
    public void A_live_mount_is_not_covered_by_another()
    {
        using TestMount mount = new(new SampleFileSystem());

        FuseMountException refused = Assert.Throws<FuseMountException>(() =>
            FuseMount.Create(mount.Directory, new FuseMountOptions(), NullLogger.Instance));

        Assert.Equal(Errno.EBUSY, refused.Error);
    }

    [Theory]
    [InlineData("absent", Errno.ENOENT)]
    [InlineData("file", Errno.None)]
    public void An_unusable_mount_point_is_named(string name, Errno expected)
    {
        TestMount.RequireFuse();
        string directory = TestMount.MakeDirectory();
        File.WriteAllText(directory + "/file", "");
        try
        {
            FuseMountException refused = Assert.Throws<FuseMountException>(() =>
                FuseMount.Create(Path.Combine(directory, name), new FuseMountOptions(), NullLogger.Instance));
            Assert.Equal(expected, refused.Error);
            Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Theory]
    [InlineData("a,allow_other")]
    [InlineData("a\\")]
    [InlineData("a\nb")]
    [InlineData("")]
    public void A_name_that_would_smuggle_in_options_is_refused(string name) =>
        Assert.Throws<ArgumentException>(() => FuseMount.Create("/nowhere", new FuseMountOptions { FsName = name }, NullLogger.Instance));

    [Fact]
    public async Task A_successor_goes_on_with_the_device_and_answers_what_was_left()
    {
        TestMount.RequireFuse();
        string directory = TestMount.MakeDirectory();
        FuseMount mount = FuseMount.Create(directory, new FuseMountOptions(), NullLogger.Instance);
        try
        {
            Assert.SkipUnless((mount.Negotiation.Flags & FuseAbilities.HasResend) != FuseAbilities.None, "this kernel cannot resend (Linux 6.9)");
            // A server that reads a request and dies with it.
            Client.Running reader = Client.Begin(() => Assert.Equal([1, 2, 3], File.ReadAllBytes(directory + "/disk")));
            Assert.True(Client.Run(() => SwallowRequest(mount)) > 0);
            SampleFileSystem files = new();
            files.AddFile("disk", [1, 2, 3]);
            FuseSession successor = new(mount.Device, mount.Negotiation, files, new FuseSessionOptions { Resend = true }, NullLogger.Instance);

            successor.Start();

            reader.Join();
            Assert.Equal(UnmountOutcome.Unmounted, mount.Unmount());
            await successor.Completion.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        }
        finally
        {
            mount.Dispose();
            TestMount.RemoveDirectory(directory);
        }
    }

    [Fact]
    public void The_mount_table_is_read_with_escapes_and_optional_fields()
    {
        MountLine? line = MountTable.Parse("57 31 0:52 / /mnt/with\\040space\\134 rw,nosuid shared:7 master:2 - fuse.x a\\040b rw,user_id=0");

        Assert.Equal(new MountLine(57, 0, 52, "/mnt/with space\\", "fuse.x", 0), line);
        Assert.True(line!.Value.IsFuse);
        Assert.Null(MountTable.Parse("nonsense"));
    }

    private static unsafe int SwallowRequest(FuseMount mount)
    {
        byte* buffer = stackalloc byte[Wire.RequestBufferBytes];
        return (int)Libc.Read((int)mount.Device.DangerousGetHandle(), buffer, Wire.RequestBufferBytes);
    }
}
