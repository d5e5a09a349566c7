using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>Opens a directory as a store, and refuses one in which a commit could not keep its promises.</summary>
public sealed class FileSystemDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("directory", OptionType.Path, "The directory that holds the images, one file each; made with mode 0750 when it is missing.", Required: true),
    ];

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(options.Get<string>("directory")));

        // In a thread of its own: a directory on a dead network server blocks, and the start of the other stores must not wait for it.
        return await Task.Run<IStorageDriver>(() => Open(path, context), cancellationToken);
    }

    private static FileSystemDriver Open(string path, IStoreContext context)
    {
        if (path == "/")
            throw Misconfigured("directory cannot be the root of the filesystem; name a directory of its own.");
        if (path.AsSpan().ContainsAny('?', '#') || FileNames.ContainsControl(path))
            throw Misconfigured($"directory '{path}' holds ?, # or a control character, which a location cannot carry; choose another path.");

        try
        {
            Directory.CreateDirectory(
                path,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Misconfigured($"directory '{path}' cannot be made: {exception.Message} Make it and give it to the service user.");
        }

        var error = Linux.OpenDirectory(path, out var directory);
        if (error != 0)
            throw Misconfigured($"directory '{path}' cannot be opened: {Linux.Fault(error, "open").Message} Give it to the service user.");

        try
        {
            Probe(directory, path);
            var kind = KindOf(path);
            if (!kind.IsLocal)
                context.Log(StoreLogLevel.Information, $"'{path}' is on {kind.Format}: images are read through the process, not handed out as local files.");
            return new FileSystemDriver(path, directory, kind.IsLocal);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    // A commit is a second hard link, because link(2) is the one call that makes a name and never replaces one. Whether the filesystem has it,
    // and whether we may write, is found out now and not at the end of the first upload of many gigabytes.
    private static void Probe(SafeFileHandle directory, string path)
    {
        var name = $".glance-probe-{Guid.NewGuid():N}";
        var error = Linux.CreateNew(directory, name, out var file);
        if (error != 0)
        {
            throw Misconfigured(
                $"directory '{path}' is not writable: {Linux.Fault(error, "create").Message} Give it to the service user and mount it read-write.");
        }

        file.Dispose();
        var twin = name + "-twin";
        error = Linux.Link(directory, name, twin);
        Linux.Unlink(directory, twin);
        Linux.Unlink(directory, name);
        if (error != 0)
        {
            throw Misconfigured(
                $"the filesystem of directory '{path}' has no hard links ({Linux.Fault(error, "link").Message}), so an image could not be committed "
                + "without the risk of replacing another. Use ext4, XFS, Btrfs, ZFS or NFS instead of FAT, exFAT or SMB.");
        }
    }

    private static (bool IsLocal, string Format) KindOf(string path)
    {
        var drive = new DriveInfo(path);
        var isLocal = drive.DriveType is DriveType.Fixed or DriveType.Ram && !drive.DriveFormat.StartsWith("fuse", StringComparison.Ordinal);
        return (isLocal, drive.DriveFormat);
    }

    private static StoreException Misconfigured(string message) => new(StoreError.Misconfigured, message);
}
