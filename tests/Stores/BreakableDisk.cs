using GlanceGateway.Stores.Tests;
using GlanceGateway.Testing;

[assembly: AssemblyFixture(typeof(SharedBreakableDisks))]

namespace GlanceGateway.Stores.Tests;

/// <summary>
/// A filesystem on a disk that fails when it is told: XFS shuts itself down, as it does when its journal cannot be written. Every call on it is then
/// EIO, of what is open too, until it is mounted again; what was synchronised is there. Of 8 GiB, of which only what is written is used. Takes root.
/// </summary>
internal sealed class BreakableDisk : IAsyncDisposable
{
    private readonly TempDirectory root = new();

    private BreakableDisk()
    {
    }

    /// <summary>Whether this machine can have one, or must.</summary>
    public static bool IsExpected { get; } =
        (Environment.IsPrivilegedProcess && File.Exists("/dev/loop-control") && File.Exists("/usr/sbin/mkfs.xfs")) || Environment.GetEnvironmentVariable("CI") == "true";

    /// <summary>Where it is mounted.</summary>
    public string Path => root["disk"];

    /// <summary>Makes and mounts it.</summary>
    public static async Task<BreakableDisk> MountAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess && File.Exists("/dev/loop-control"), "a disk that can be broken takes root and loop devices");
        Requires.Programs("mkfs.xfs", "xfs_io", "losetup", "mount", "umount");
        var disk = new BreakableDisk();
        Directory.CreateDirectory(disk.Path);
        await using (var file = File.Create(disk.root["image"]))
            file.SetLength(8L << 30);
        (await Command.RunAsync("mkfs.xfs", ["-q", disk.root["image"]])).Succeeded();
        await disk.MountImageAsync();
        return disk;
    }

    /// <summary>Breaks it.</summary>
    public async Task BreakAsync() => (await Command.RunAsync("xfs_io", ["-x", "-c", "shutdown", Path])).Succeeded();

    /// <summary>Mounts it again, as a disk of another number: descriptors of before stay dead, and keep the old one alive.</summary>
    public async Task MendAsync()
    {
        (await Command.RunAsync("umount", ["-l", Path])).Succeeded();
        await MountImageAsync();
    }

    public async ValueTask DisposeAsync()
    {
        (await Command.RunAsync("umount", ["-l", Path])).Succeeded();
        root.Dispose();
    }

    private async Task MountImageAsync()
    {
        // Of the same image there may be a dead one, which has the same UUID. The device goes with its mount.
        var device = (await Command.RunAsync("losetup", ["-f", "--show", root["image"]])).Succeeded().Output.Trim();
        try
        {
            (await Command.RunAsync("mount", ["-o", "nouuid", device, Path])).Succeeded();
        }
        finally
        {
            await Command.RunAsync("losetup", ["-d", device]);
        }
    }
}

/// <summary>One disk for each class of tests, whose cases run one after the other; made by the first of them.</summary>
public sealed class SharedBreakableDisks : IAsyncDisposable
{
    private static readonly Lock gate = new();
    private static readonly Dictionary<string, Task<BreakableDisk>> disks = [];

    internal static Task<BreakableDisk> GetAsync(string owner)
    {
        lock (gate)
            return disks.TryGetValue(owner, out var disk) ? disk : disks[owner] = BreakableDisk.MountAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var disk in disks.Values)
        {
            if (disk.IsCompletedSuccessfully)
                await (await disk).DisposeAsync();
        }
    }
}
