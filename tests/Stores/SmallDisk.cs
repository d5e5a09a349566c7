using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>A filesystem of its own in memory, so small that "full" is real. Takes root.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private SmallDisk(string path) => Path = path;

    public string Path { get; }

    /// <summary>Mounts it on a directory, which is made.</summary>
    /// <param name="path">Where.</param>
    /// <param name="mebibytes">Its size.</param>
    public static async Task<SmallDisk> MountAsync(string path, int mebibytes)
    {
        Requires.Need(Environment.IsPrivilegedProcess, "mounting a small filesystem takes root");
        Requires.Programs("mount", "umount");
        Directory.CreateDirectory(path);
        (await Command.RunAsync("mount", ["-t", "tmpfs", "-o", $"size={mebibytes}m", "tmpfs", path])).Succeeded();
        return new SmallDisk(path);
    }

    /// <summary>Forbids all writing.</summary>
    public async Task MakeReadOnlyAsync() => (await Command.RunAsync("mount", ["-o", "remount,ro", Path])).Succeeded();

    /// <summary>Takes room away.</summary>
    public async Task FillAsync(string name, int mebibytes) => await File.WriteAllBytesAsync(System.IO.Path.Combine(Path, name), new byte[mebibytes << 20]);

    // Lazily: a failed test may still hold a file of it open.
    public async ValueTask DisposeAsync() => (await Command.RunAsync("umount", ["-l", Path])).Succeeded();
}
