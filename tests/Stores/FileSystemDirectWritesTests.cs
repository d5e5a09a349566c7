using System.Globalization;
using System.Runtime.InteropServices;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.FileSystem;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>Writes past the page cache, on a small ext4 of their own: what else the machine has may not do them.</summary>
public sealed class FileSystemDirectWritesTests : IAsyncLifetime
{
    private const int MiB = 1024 * 1024;
    private readonly TempDirectory root = new();
    private IStorageDriver? driver;
    private bool mounted;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "mounting a small filesystem takes root");
        Requires.Programs("mkfs.ext4", "mount", "umount", "fincore");
        Assert.SkipUnless(File.Exists("/dev/loop-control"), "there are no loop devices");
        await using (var disk = File.Create(root["disk"]))
            disk.SetLength(24 * MiB);
        (await Command.RunAsync("mkfs.ext4", ["-q", "-m", "0", root["disk"]])).Succeeded();
        Directory.CreateDirectory(root["mounted"]);
        (await Command.RunAsync("mount", ["-o", "loop", root["disk"], root["mounted"]])).Succeeded();
        mounted = true;
    }

    public async ValueTask DisposeAsync()
    {
        if (driver is not null)
            await driver.DisposeAsync();
        if (mounted)
            (await Command.RunAsync("umount", ["-l", root["mounted"]])).Succeeded();
        root.Dispose();
    }

    [Fact]
    public async Task What_follows_the_beginning_of_an_image_is_not_in_the_page_cache()
    {
        await OpenAsync(cachedBytes: 2 * MiB);
        var bytes = AlignedBytes((9 * MiB) + 4711);

        var path = new Uri(await StoreAsync(bytes, [MiB, MiB, MiB, MiB, MiB, MiB, MiB, MiB, MiB])).LocalPath;

        // The end, which is no multiple of a block, came through the cache too.
        Assert.InRange(await CachedBytesAsync(path), 2 * MiB, 3 * MiB);
        Assert.Equal(bytes.ToArray(), await File.ReadAllBytesAsync(path, Cancel));
    }

    [Theory]
    [InlineData(new[] { MiB, 4096, 100, MiB - 4096 - 100, MiB, MiB })]
    [InlineData(new[] { 1, MiB - 1, 512, MiB - 512, 4096, 4096, MiB })]
    public async Task Writes_that_are_not_aligned_lie_right_between_those_that_are(int[] pieces)
    {
        await OpenAsync(cachedBytes: 0);
        var bytes = AlignedBytes((4 * MiB) + 99);

        var path = new Uri(await StoreAsync(bytes, pieces)).LocalPath;

        Assert.Equal(bytes.ToArray(), await File.ReadAllBytesAsync(path, Cancel));
    }

    [Fact]
    public async Task Holes_between_direct_writes_read_as_zeros()
    {
        await OpenAsync(cachedBytes: 0);
        var bytes = AlignedBytes(2 * MiB);
        await using var writer = await BeginAsync();
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes[..MiB], Cancel));
        Assert.Equal(StoreOutcome.Ok, await writer.WriteZerosAsync(MiB, Cancel));
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes[MiB..], Cancel));
        Assert.Equal(StoreOutcome.Ok, await writer.WriteZerosAsync(77, Cancel));
        var path = new Uri((await writer.CommitAsync(Cancel)).Value!.Location).LocalPath;

        var all = bytes.ToArray();
        byte[] expected = [.. all[..MiB], .. new byte[MiB], .. all[MiB..], .. new byte[77]];
        Assert.Equal(expected, await File.ReadAllBytesAsync(path, Cancel));
    }

    [Fact]
    public async Task Disk_that_fills_under_direct_writes_is_full()
    {
        await OpenAsync(cachedBytes: 0);
        var bytes = AlignedBytes(4 * MiB);
        await using var writer = await BeginAsync();
        var outcome = StoreOutcome.Ok;
        for (var written = 0; written < 8 && outcome == StoreOutcome.Ok; written++)
            outcome = await writer.WriteAsync(bytes, Cancel);

        Assert.Equal(StoreOutcome.Full, outcome);
    }

    // As the host's buffers lie: on a page's boundary, and there they stay.
    private static ReadOnlyMemory<byte> AlignedBytes(int length)
    {
        var array = GC.AllocateUninitializedArray<byte>(length + 4096, pinned: true);
        new Random(length).NextBytes(array);
        return array.AsMemory((int)(-Marshal.UnsafeAddrOfPinnedArrayElement(array, 0) & 4095), length);
    }

    private static async Task<long> CachedBytesAsync(string path) =>
        long.Parse((await Command.RunAsync("fincore", ["-b", "-n", "-r", "-o", "RES", path])).Succeeded().Output, CultureInfo.InvariantCulture);

    private async Task OpenAsync(long cachedBytes)
    {
        var factory = new FileSystemDriverFactory();
        var options = new Dictionary<string, object?> { ["directory"] = root["mounted/images"], ["cached_bytes"] = cachedBytes };
        driver = await factory.CreateAsync(OptionReader.Read(factory.Options, options), new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger), Cancel);
    }

    private async Task<IStoreWriter> BeginAsync() =>
        (await driver!.BeginWriteAsync(new WriteRequest(new WriteAttempt(Guid.NewGuid().ToString("D"), Guid.NewGuid().ToString("N")), DeclaredSize: null, ProjectId: null), Cancel)).Value!;

    // In pieces of these sizes, and the rest as one.
    private async Task<string> StoreAsync(ReadOnlyMemory<byte> bytes, int[] pieces)
    {
        await using var writer = await BeginAsync();
        foreach (var piece in pieces)
        {
            Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes[..piece], Cancel));
            bytes = bytes[piece..];
        }

        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        return (await writer.CommitAsync(Cancel)).Value!.Location;
    }
}
