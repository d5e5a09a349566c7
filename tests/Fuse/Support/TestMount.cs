using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Fuse.Tests;

/// <summary>A mounted <see cref="SampleFileSystem"/> in a temporary directory that leaves nothing behind.</summary>
internal sealed class TestMount : IDisposable
{
    internal TestMount(SampleFileSystem files, FuseMountOptions? options = null, FuseSessionOptions? session = null, ILogger? logger = null)
    {
        RequireFuse();
        Directory = MakeDirectory();
        Files = files;
        try
        {
            Server = FuseServer.Start(
                Directory, files, options ?? new FuseMountOptions { FsName = "sample", Subtype = "sample" }, session ?? new FuseSessionOptions(), logger ?? NullLogger.Instance);
        }
        catch
        {
            RemoveDirectory(Directory);
            throw;
        }
    }

    internal string Directory { get; }

    internal SampleFileSystem Files { get; }

    internal FuseServer Server { get; }

    internal FuseSession Session => Server.Session;

    internal FuseCounters Counters => Server.Session.Counters;

    public void Dispose()
    {
        Server.Dispose();
        // Whatever the test left open must not keep reader threads.
        if (!Session.Completion.Wait(TimeSpan.FromSeconds(5)))
        {
            _ = Server.Mount.Abort();
        }

        RemoveDirectory(Directory);
    }

    internal string At(string name) => Path.Combine(Directory, name);

    internal static string MakeDirectory() => System.IO.Directory.CreateTempSubdirectory("fuse-test-").FullName;

    internal static void RemoveDirectory(string directory)
    {
        // Never recursively: if an unmount failed this would walk into the mount.
        while (MountTable.Find(directory) is not null && Libc.Unmount(directory, Libc.UnmountDetach) == 0)
        {
        }

        System.IO.Directory.Delete(directory);
    }

    /// <summary>Skips where mounts are impossible; on CI that is a failure, or a broken runner would look green.</summary>
    internal static void RequireFuse()
    {
        string? missing = !File.Exists("/dev/fuse") ? "no /dev/fuse here"
            : !FuseMount.MayMountDirectly ? "mounting needs CAP_SYS_ADMIN"
            : null;
        if (missing is null)
        {
            return;
        }

        Assert.False(Environment.GetEnvironmentVariable("CI") == "true", missing);
        Assert.Skip(missing);
    }
}
