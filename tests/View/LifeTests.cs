using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.View.Tests;

/// <summary>Mounting and unmounting.</summary>
public sealed class LifeTests
{
    private static bool IsMounted(string directory) => Client.Execute("mountpoint", "-q", directory).ExitCode == 0;

    [Fact]
    public async Task A_stop_leaves_nothing_behind()
    {
        FakeImageSource source = new();
        await using TestMount mount = await TestMount.StartAsync(source);
        string file = mount.Scratch("disk");
        await File.WriteAllBytesAsync(file, [1, 2, 3], TestContext.Current.CancellationToken);
        MountedImage image = source.AddFile(file, FakeImageSource.Describe("x", 0));
        Client.Eventually(() => File.Exists(mount.ById(image)), "the image is there");
        int before = FileBytes.Open;
        Client.Run(() => File.ReadAllBytes(mount.ById(image)));
        Assert.Contains(" fuse.glance ", await File.ReadAllTextAsync("/proc/mounts", TestContext.Current.CancellationToken));

        Assert.True(await mount.Mount.StopAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));

        Assert.False(IsMounted(mount.Directory));
        Assert.True(mount.Mount.Completion.IsCompletedSuccessfully);
        Assert.Equal(before, FileBytes.Open);
        Assert.Equal(0, mount.Mount.OpenSources);
        Assert.Empty(Directory.GetFileSystemEntries(mount.Directory));
        Assert.DoesNotContain(mount.Log, line => line.Contains("unmounted or aborted by somebody else", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_busy_mount_goes_from_sight_and_is_served_until_closed()
    {
        byte[] content = ReadTests.Noise(2 << 20);
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(content, FakeImageSource.Describe("x", 0));
        await using TestMount mount = await TestMount.StartAsync(source);
        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.ById(image)));

        Task<bool> stopping = mount.Mount.StopAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Client.Eventually(() => !IsMounted(mount.Directory), "the mount is out of sight");
        Assert.True(content.AsSpan().SequenceEqual(Client.Run(() => Posix.ReadAt(descriptor, 0, content.Length))));
        Assert.False(stopping.IsCompleted);
        Client.Run(() => Posix.Close(descriptor));

        Assert.True(await stopping);
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_ever()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory(ReadTests.Noise(2 << 20), FakeImageSource.Describe("x", 0));
        await using TestMount mount = await TestMount.StartAsync(source);
        int descriptor = Client.Run(() => Posix.OpenOrThrow(mount.ById(image)));

        bool ended = await mount.Mount.StopAsync(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken);

        Assert.False(ended);
        Assert.False(IsMounted(mount.Directory));
        Assert.NotEqual(Errno.None, Client.Run(() => Posix.TryRead(descriptor, 0, new byte[100], out _)));
        Client.Run(() => Posix.Close(descriptor));
    }

    [Fact]
    public async Task A_mount_taken_away_by_somebody_else_is_noticed()
    {
        await using TestMount mount = await TestMount.StartAsync(new FakeImageSource());

        Client.Succeed("umount", mount.Directory);

        await mount.Mount.Completion.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Client.Eventually(() => mount.Log.Any(line => line.Contains("by somebody else", StringComparison.Ordinal)), "it is logged");
        Assert.True(await mount.Mount.StopAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_start_that_is_called_off_unmounts_again()
    {
        TestMount.RequireFuse();
        string directory = Directory.CreateTempSubdirectory("view-test-").FullName;
        using CancellationTokenSource off = new();
        Task<ImageMount> starting = ImageMount.StartAsync(new FakeImageSource { IsUnreachable = true }, new ImageMountOptions { Directory = directory }, NullLoggerFactory.Instance, off.Token);
        Client.Eventually(() => IsMounted(directory), "the mount is there");

        await off.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting);
        Assert.False(IsMounted(directory));
        Directory.Delete(directory);
    }

    [Fact]
    public async Task A_dead_mount_left_by_another_server_is_healed()
    {
        FakeImageSource source = new();
        MountedImage image = source.AddMemory([1], FakeImageSource.Describe("x", 0));
        TestMount.RequireFuse();
        string directory = Directory.CreateTempSubdirectory("view-test-").FullName;
        // A mount whose device nobody holds any more.
        Client.Succeed("python3", "-c", """
            import ctypes, os, sys
            device = os.open("/dev/fuse", os.O_RDWR)
            data = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
            sys.exit(ctypes.CDLL(None, use_errno=True).mount(b"dead", sys.argv[1].encode(), b"fuse.dead", 0, data))
            """, directory);
        Assert.Contains("not connected", Client.Execute("stat", directory).Output, StringComparison.Ordinal);

        await using (ImageMount mount = await ImageMount.StartAsync(source, new ImageMountOptions { Directory = directory }, NullLoggerFactory.Instance, TestContext.Current.CancellationToken))
        {
            Assert.Equal([1], Client.Run(() => File.ReadAllBytes(Path.Combine(directory, "by-id", image.Id))));
        }

        Assert.False(IsMounted(directory));
        Directory.Delete(directory);
    }

    [Fact]
    public async Task A_mount_point_that_does_not_exist_is_refused_with_its_name()
    {
        TestMount.RequireFuse();
        FuseMountException failure = await Assert.ThrowsAsync<FuseMountException>(() =>
            ImageMount.StartAsync(new FakeImageSource(), new ImageMountOptions { Directory = "/nonexistent/mnt" }, NullLoggerFactory.Instance, TestContext.Current.CancellationToken));

        Assert.Contains("/nonexistent/mnt", failure.Message, StringComparison.Ordinal);
    }
}
