using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>
/// One directory of a store. All names are resolved against its descriptor, one component, never through a symbolic link: no location reaches
/// outside. A directory that could not be opened is tried again when it is needed, so that a share which comes back serves again. So is one whose
/// filesystem failed, because the descriptor of a mount that died stays dead when it is mounted again; but what is opened then must be the same
/// directory, or every image in it would be missing from the empty one that lies below a mount.
/// </summary>
internal sealed class ImageDirectory(string path, int priority, FileSystemSettings settings, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan retryAfter = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private SafeFileHandle? _handle;
    private FileSystemKind? _kind;
    private StoreException? _problem;
    private DateTimeOffset _triedAt;
    private bool _disposed;
    private ulong? _inode;

    /// <summary>Absolute, without a slash at its end.</summary>
    public string Path => path;

    /// <summary>The higher, the earlier it is filled.</summary>
    public int Priority => priority;

    /// <summary>What it lies on; null until it could be opened.</summary>
    public FileSystemKind? Kind => _kind;

    /// <summary>The open directory.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/>: it is missing or may not be entered.</exception>
    public SafeFileHandle Handle => Reach() ?? throw new StoreException(StoreError.Unavailable, _problem!.Message);

    /// <summary>Opens it, and makes it when it is missing.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>.</exception>
    public void Open()
    {
        if (!TryOpen())
            throw _problem!;
    }

    /// <summary>Whether it is open, or can be now.</summary>
    public bool TryOpen() => Reach() is not null;

    /// <summary>Finds out by trying whether images can be written and committed here.</summary>
    /// <returns>Null when they can, else why they cannot for now.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/> when the filesystem will never do.</exception>
    public string? Probe()
    {
        // A commit is a second hard link, because link(2) is the one call that makes a name and never replaces one. Whether the filesystem has
        // it is found out now and not at the end of the first upload of many gigabytes.
        var name = $".glance-probe-{Guid.NewGuid():N}";
        var error = Linux.CreateNew(Handle, name, out var file);
        if (Linux.OutcomeOf(error) is StoreOutcome.Full)
            return "it is full";
        if (error != 0)
            return $"{Linux.Fault(error, "create").Message} Give it to the service user and mount it read-write";

        file.Dispose();
        var twin = name + "-twin";
        error = Linux.Link(Handle, name, twin);
        var isSame = error == 0 && Linux.Stat(Handle, name, out var one) == 0 && Linux.Stat(Handle, twin, out var other) == 0 && one.IsSameFile(other);
        Linux.Unlink(Handle, twin);
        Linux.Unlink(Handle, name);
        if (error != 0)
        {
            throw Misconfigured(
                $"the filesystem of directory '{path}' has no hard links ({Linux.Fault(error, "link").Message}), so an image could not be committed "
                + "without the risk of replacing another. Use ext4, XFS, Btrfs, ZFS or NFS instead of FAT, exFAT or SMB.");
        }

        // Some FUSE filesystems number their names and not their files.
        return isSame ? null : throw Misconfigured(
            $"the filesystem of directory '{path}' does not tell that two hard links are one file, so what an attempt left could not be told from an image. "
            + "Mount it with stable inode numbers, or use another.");
    }

    /// <summary>Lets those enter the directory who may read the images: the search bit beside each read bit. Without the right to do so it stays as it is.</summary>
    /// <returns>Whether they may enter now.</returns>
    public bool OpenToReaders(UnixFileMode images)
    {
        var search = (UnixFileMode)(((int)images >> 2) & 0x49);
        try
        {
            var mode = File.GetUnixFileMode(path);
            if ((mode & search) != search)
                File.SetUnixFileMode(path, mode | search);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Its room; null when it cannot be asked.</summary>
    public (ulong Device, long Total, long Free)? Measure()
    {
        try
        {
            if (Reach() is not { } directory)
                return null;
            var error = Linux.Stat(directory, out var status);
            if (error != 0)
            {
                LetGo(error);
                return null;
            }

            var drive = new DriveInfo(path);
            return (status.Device, drive.TotalSize, drive.AvailableFreeSpace);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether something has the name. A directory that cannot be opened tells nothing.</summary>
    public bool Holds(string name) => Reach() is { } directory && Linux.Stat(directory, name, out _) == 0;

    /// <summary>Makes the attempt's part file.</summary>
    /// <returns>0 or the error number.</returns>
    public int CreatePart(WriteAttempt attempt, out SafeFileHandle file) => Linux.CreateNew(Handle, FileNames.PartOf(attempt), out file);

    /// <summary>Gives the attempt's file the image's name, not yet durably. Repeatable.</summary>
    public (StoreOutcome Outcome, string? Detail) Name(WriteAttempt attempt, SafeFileHandle file)
    {
        var error = Linux.Link(Handle, FileNames.PartOf(attempt), attempt.ImageId);

        // Our own link of an earlier try, or of a call whose answer was lost on the way from an NFS server, is a success.
        if (error == 0 || (error == Linux.EEXIST && IsNameOf(attempt.ImageId, file)))
            return (StoreOutcome.Ok, null);
        if (error == Linux.EEXIST)
            return (StoreOutcome.Duplicate, null);
        return Linux.OutcomeOf(error) is (StoreOutcome.Full or StoreOutcome.Denied) and var outcome
            ? (outcome, Linux.Fault(error, "link").Message)
            : throw Fault(error, "The image could not be given its name", attempt.ImageId);
    }

    /// <summary>Takes the image's name from the attempt's file again.</summary>
    public void Unname(WriteAttempt attempt, SafeFileHandle file)
    {
        if (!IsNameOf(attempt.ImageId, file))
            return;
        Remove(attempt.ImageId, attempt);
        Sync();
    }

    /// <summary>Removes the attempt's part file and, unless it is to be kept, the object that is the same file.</summary>
    /// <returns>False when there is no such part file.</returns>
    public bool Forget(WriteAttempt attempt, bool keepCommitted)
    {
        var part = FileNames.PartOf(attempt);
        var error = Linux.Stat(Handle, part, out var status);
        if (error == Linux.ENOENT)
            return false;
        if (error != 0)
            throw Fault(error, $"'{part}' could not be examined", attempt.ImageId);

        if (!keepCommitted && Linux.Stat(Handle, attempt.ImageId, out var named) == 0 && named.IsSameFile(status))
        {
            Remove(attempt.ImageId, attempt);

            // Before the proof goes, the removal that it justified must be durable.
            Sync();
        }

        Remove(part, attempt);
        Sync();
        return true;
    }

    /// <summary>Opens an image.</summary>
    public StoreResult<IByteSource> OpenImage(string name, string location)
    {
        var error = Linux.OpenForReading(Handle, name, out var file);
        if (error == Linux.ELOOP)
            throw NotPlain(location);
        if (error != 0)
        {
            return Linux.OutcomeOf(error) is (StoreOutcome.Absent or StoreOutcome.Denied) and var outcome
                ? new StoreResult<IByteSource>(outcome, null, Linux.Fault(error, "open").Message)
                : throw Fault(error, "The image could not be opened", location);
        }

        error = Linux.Stat(file, out var status);
        if (error == 0 && status.IsRegular)
        {
            return settings.LocalFiles ?? _kind!.IsLocal
                ? new LocalFileSource(file, status, settings.RequestSize)
                : new FileSource(file, status, settings.RequestSize);
        }

        file.Dispose();
        throw error == 0 ? NotPlain(location) : Fault(error, "The image could not be examined", location);
    }

    /// <summary>Removes an image.</summary>
    public StoreOutcome Delete(string name, string location)
    {
        var error = Linux.Stat(Handle, name, out var status);
        if (error == 0 && !status.IsRegular)
            throw NotPlain(location);
        if (error == 0)
            error = Linux.Unlink(Handle, name);
        if (error != 0)
        {
            return Linux.OutcomeOf(error) is (StoreOutcome.Absent or StoreOutcome.Denied) and var outcome
                ? outcome
                : throw Fault(error, "The image could not be removed", location);
        }

        Sync();
        return StoreOutcome.Ok;
    }

    /// <summary>The part files, with their attempts.</summary>
    public List<Residue> ListParts()
    {
        var parts = new List<Residue>();
        foreach (var name in PartNames())
        {
            if (!FileNames.TryParsePart(name, out var attempt))
                continue;
            var error = Linux.Stat(Handle, name, out var status);
            if (error == Linux.ENOENT || (error == 0 && !status.IsRegular))
                continue;
            if (error != 0)
                throw Fault(error, $"'{name}' could not be examined", attempt.ImageId);
            var modified = DateTimeOffset.FromUnixTimeSeconds(status.ModifiedSeconds).AddTicks(status.ModifiedNanoseconds / 100);
            parts.Add(new Residue(attempt, $"{path}/{name}", status.Occupied, modified));
        }

        return parts;
    }

    /// <summary>Makes the names in it durable.</summary>
    public void Sync()
    {
        // EINVAL: the filesystem has no fsync of directories (some FUSE ones), and nothing more can be done.
        var error = Linux.Sync(Handle);
        if (error is not (0 or Linux.EINVAL))
            throw Fault(error, $"'{path}' could not be synchronised");
    }

    /// <summary>An error number as a fault. After an outage the directory is opened anew when it is needed next.</summary>
    public StoreException Fault(int error, string what, string? key = null)
    {
        LetGo(error);
        return Linux.Fault(error, what, key);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _handle?.Dispose();
        }
    }

    private SafeFileHandle? Reach()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_handle is not null)
                return _handle;
            if (_problem is not null && time.GetUtcNow() - _triedAt < retryAfter)
                return null;
            try
            {
                _handle = OpenOrMake();
                _kind = Linux.KindOf(_handle, out var magic) == 0 ? FileSystemKind.Of(magic) : FileSystemKind.Of(0);
                return _handle;
            }
            catch (StoreException problem)
            {
                (_problem, _triedAt) = (problem, time.GetUtcNow());
                return null;
            }
        }
    }

    private void LetGo(int error)
    {
        if (!Linux.IsOutage(error))
            return;

        // Not closed here, where others may be about to use it: its finalizer does that.
        lock (_gate)
            _handle = null;
    }

    // They are listed by the path, and nobody may take the empty directory below a mount that is gone for one without residue.
    private List<string> PartNames()
    {
        var directory = Handle;
        try
        {
            if (!IsAt(path, directory))
            {
                LetGo(Linux.ESTALE);
                throw new StoreException(StoreError.Unavailable, $"'{path}' is no longer the directory that was opened; its filesystem was unmounted.");
            }

            var pattern = new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };
            return [.. Directory.EnumerateFiles(path, ".glance-*", pattern).Select(file => System.IO.Path.GetFileName(file))];
        }
        catch (UnauthorizedAccessException exception)
        {
            throw Misconfigured($"directory '{path}' may not be listed: {exception.Message} Give it to the service user.");
        }
        catch (IOException exception)
        {
            LetGo(exception.HResult);
            throw new StoreException(StoreError.Unavailable, $"'{path}' could not be listed: {exception.Message}");
        }
    }

    private static bool IsAt(string path, SafeFileHandle directory)
    {
        var error = Linux.OpenDirectory(path, out var found);
        using (found)
        {
            return error == 0 && Linux.Stat(found, out var there) == 0 && Linux.Stat(directory, out var opened) == 0 && there.IsSameFile(opened);
        }
    }

    private SafeFileHandle OpenOrMake()
    {
        try
        {
            if (_inode is null)
            {
                Directory.CreateDirectory(
                    path,
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Misconfigured($"directory '{path}' cannot be made: {exception.Message} Make it and give it to the service user.");
        }

        var error = Linux.OpenDirectory(path, out var directory);
        if (error != 0)
            throw Misconfigured($"directory '{path}' cannot be opened: {Linux.Fault(error, "open").Message} {(Linux.IsOutage(error) ? "Mount it again" : "Give it to the service user")}.");
        error = Linux.Stat(directory, out var status);
        if (error == 0 && (_inode ??= status.Inode) == status.Inode)
            return directory;
        directory.Dispose();
        throw Misconfigured(error == 0
            ? $"'{path}' is not the directory that it was. Mount its filesystem again, or start the store anew if it was replaced."
            : $"directory '{path}' cannot be examined: {Linux.Fault(error, "stat").Message}");
    }

    private bool IsNameOf(string name, SafeFileHandle file) =>
        Linux.Stat(Handle, name, out var named) == 0 && Linux.Stat(file, out var own) == 0 && named.IsSameFile(own);

    private void Remove(string name, WriteAttempt attempt)
    {
        var failed = Linux.Unlink(Handle, name);
        if (failed is not (0 or Linux.ENOENT))
            throw Fault(failed, $"'{name}' could not be removed", attempt.ImageId);
    }

    private static StoreException NotPlain(string location) =>
        new(StoreError.InvalidLocation, "The location names a link, directory or device; an image is a regular file.", location);

    private static StoreException Misconfigured(string message) => new(StoreError.Misconfigured, message);
}
