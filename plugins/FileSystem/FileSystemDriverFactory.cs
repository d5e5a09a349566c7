using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>Opens directories as a store, and refuses any in which a commit could not keep its promises.</summary>
public sealed class FileSystemDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => FileSystemSettings.Options;

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        // In a thread of its own: a directory on a dead network server blocks, and the start of the other stores must not wait for it.
        return await Task.Run<IStorageDriver>(() => Open(FileSystemSettings.Read(options), context), cancellationToken);
    }

    private static FileSystemDriver Open(FileSystemSettings settings, IStoreContext context)
    {
        var directories = settings.Directories.Select(each => new ImageDirectory(each.Path, each.Priority, settings, context.Time)).ToList();
        try
        {
            // A directory that is gone does not take the images of the others with it; without any, the store does not start.
            if (directories.TrueForAll(directory => !directory.TryOpen()))
                directories[0].Open();
            var known = new Dictionary<(ulong Device, ulong Inode), string>();
            foreach (var directory in directories)
                Examine(directory, settings, context, known);
            return new FileSystemDriver(directories, settings);
        }
        catch
        {
            directories.ForEach(directory => directory.Dispose());
            throw;
        }
    }

    private static void Examine(ImageDirectory directory, FileSystemSettings settings, IStoreContext context, Dictionary<(ulong Device, ulong Inode), string> known)
    {
        try
        {
            directory.Open();
        }
        catch (StoreException problem)
        {
            context.Log(StoreLogLevel.Error, $"{problem.Message} Until then its images cannot be read, and new ones go to the other directories.");
            return;
        }

        if (Linux.Stat(directory.Handle, out var status) == 0 && !known.TryAdd((status.Device, status.Inode), directory.Path))
        {
            throw new StoreException(
                StoreError.Misconfigured, $"directories: '{directory.Path}' is the same directory as '{known[(status.Device, status.Inode)]}'; keep one.");
        }

        if (directory.Probe() is { } refusal)
            context.Log(StoreLogLevel.Warning, $"directory '{directory.Path}' takes no new images: {refusal}. Those in it are served.");
        if (settings.FileMode is { } mode && !directory.OpenToReaders(mode))
            context.Log(StoreLogLevel.Warning, $"directory '{directory.Path}' may not be opened to those who may read the images; give them its search permission.");
        if (settings.LocalFiles is null && directory.Kind is { IsLocal: false } kind)
        {
            context.Log(
                StoreLogLevel.Information,
                $"'{directory.Path}' is on {kind.Name}: images are read through the process, not handed out as local files. 'local_files: always' hands them out.");
        }
    }
}
