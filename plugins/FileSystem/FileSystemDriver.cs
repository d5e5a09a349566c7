using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>
/// One file per image in one directory.
/// <para>
/// An attempt writes <c>.glance-&lt;image id&gt;-&lt;attempt id&gt;.part</c>. Commit makes the bytes durable and then gives the same file its second
/// name, the image id, by link(2), which fails when the name is taken. The part name stays until the attempt is settled. Two names of one
/// inode are the proof, on disk and across a crash, that the object came from this attempt; hence these invariants:
/// </para>
/// <list type="bullet">
/// <item>an image's name never appears before its bytes are on disk, and never replaces another;</item>
/// <item>when an attempt is discarded its object's name goes first and its part name last: a crash between leaves a part that is listed;</item>
/// <item>the object's name is removed for an attempt only while it is the same inode as the attempt's part.</item>
/// </list>
/// All names are resolved against the directory's descriptor, one component, never through a symbolic link: no location reaches outside.
/// </summary>
internal sealed class FileSystemDriver(string path, SafeFileHandle directory, bool isLocal) : IStorageDriver, IStoreCapacity, ILocalPaths
{
    public IReadOnlyList<string> Paths { get; } = [path];

    // Every call below runs in the thread pool: a system call on a dead NFS server does not return, and the host must be able to stop waiting.
    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        var part = FileNames.PartOf(request.Attempt);
        return await Task.Run(() => BeginWrite(request, part), cancellationToken);
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var name = FileNames.NameIn(path, location);
        return await Task.Run(() => Open(name, location), cancellationToken);
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        var name = FileNames.NameIn(path, location);
        return await Task.Run(() => Delete(name, location), cancellationToken);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var names = await Task.Run(
            () => Directory.EnumerateFiles(path, ".glance-*", new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false })
                .Select(file => Path.GetFileName(file)).ToList(),
            cancellationToken);
        foreach (var name in names)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!FileNames.TryParsePart(name, out var attempt) || Linux.Stat(directory, name, out var status) != 0 || !status.IsRegular)
                continue;
            var modified = DateTimeOffset.FromUnixTimeSeconds(status.ModifiedSeconds).AddTicks(status.ModifiedNanoseconds / 100);
            yield return new Residue(attempt, $"{path}/{name}", status.Occupied, modified);
        }
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        var part = FileNames.PartOf(attempt);
        await Task.Run(() => Forget(attempt, part, keepCommitted), cancellationToken);
    }

    public async ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) =>
        await Task.Run(
            () =>
            {
                var drive = new DriveInfo(path);
                return new StoreCapacity(drive.TotalSize, drive.AvailableFreeSpace);
            },
            cancellationToken);

    public ValueTask DisposeAsync()
    {
        directory.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Gives the attempt's file the image's name and makes that durable. Repeatable.</summary>
    internal StoreResult<StoredObject> Publish(WriteAttempt attempt, SafeFileHandle file, long size)
    {
        var error = Linux.Link(directory, FileNames.PartOf(attempt), attempt.ImageId);
        if (error == Linux.EEXIST)
        {
            // Our own link of an earlier try, or of a call whose answer was lost on the way from an NFS server, is a success.
            if (!IsNameOf(attempt.ImageId, file))
                return StoreOutcome.Duplicate;
        }
        else if (error != 0)
        {
            return Linux.OutcomeOf(error) is (StoreOutcome.Full or StoreOutcome.Denied) and var outcome
                ? new StoreResult<StoredObject>(outcome, null, Linux.Fault(error, "link").Message)
                : throw Linux.Fault(error, "The image could not be given its name", attempt.ImageId);
        }

        SyncDirectory();
        return new StoredObject(FileNames.LocationOf(path, attempt.ImageId), size, new Dictionary<string, string>());
    }

    /// <summary>Removes the attempt's part file and, unless it is to be kept, the object that is the same file.</summary>
    internal void Forget(WriteAttempt attempt, string part, bool keepCommitted)
    {
        var error = Linux.Stat(directory, part, out var status);
        if (error == Linux.ENOENT)
            return;
        if (error != 0)
            throw Linux.Fault(error, $"'{part}' could not be examined", attempt.ImageId);

        if (!keepCommitted && Linux.Stat(directory, attempt.ImageId, out var named) == 0 && named.IsSameFile(status))
        {
            Remove(attempt.ImageId);

            // Before the proof goes, the removal that it justified must be durable.
            SyncDirectory();
        }

        Remove(part);
        SyncDirectory();

        void Remove(string name)
        {
            var failed = Linux.Unlink(directory, name);
            if (failed is not (0 or Linux.ENOENT))
                throw Linux.Fault(failed, $"'{name}' could not be removed", attempt.ImageId);
        }
    }

    private StoreResult<IStoreWriter> BeginWrite(WriteRequest request, string part)
    {
        var attempt = request.Attempt;
        if (Linux.Stat(directory, attempt.ImageId, out _) == 0)
            return StoreOutcome.Duplicate;
        if (request.DeclaredSize is { } declared && declared > new DriveInfo(path).AvailableFreeSpace)
            return StoreOutcome.Full;

        var error = Linux.CreateNew(directory, part, out var file);
        if (error == 0)
            return new FileWriter(this, attempt, part, file);
        return Linux.OutcomeOf(error) is (StoreOutcome.Full or StoreOutcome.Denied) and var outcome
            ? new StoreResult<IStoreWriter>(outcome, null, Linux.Fault(error, "create").Message)
            : throw Linux.Fault(error, $"'{part}' could not be created", attempt.ImageId);
    }

    private StoreResult<IByteSource> Open(string name, string location)
    {
        var error = Linux.OpenForReading(directory, name, out var file);
        if (error == Linux.ELOOP)
            throw NotPlain(location);
        if (error != 0)
        {
            return Linux.OutcomeOf(error) is (StoreOutcome.Absent or StoreOutcome.Denied) and var outcome
                ? new StoreResult<IByteSource>(outcome, null, Linux.Fault(error, "open").Message)
                : throw Linux.Fault(error, "The image could not be opened", location);
        }

        error = Linux.Stat(file, out var status);
        if (error == 0 && status.IsRegular)
            return isLocal ? new LocalFileSource(file, status) : new FileSource(file, status);
        file.Dispose();
        throw error == 0 ? NotPlain(location) : Linux.Fault(error, "The image could not be examined", location);
    }

    private StoreOutcome Delete(string name, string location)
    {
        var error = Linux.Stat(directory, name, out var status);
        if (error == 0 && !status.IsRegular)
            throw NotPlain(location);
        if (error == 0)
            error = Linux.Unlink(directory, name);
        if (error != 0)
        {
            return Linux.OutcomeOf(error) is (StoreOutcome.Absent or StoreOutcome.Denied) and var outcome
                ? outcome
                : throw Linux.Fault(error, "The image could not be removed", location);
        }

        SyncDirectory();
        return StoreOutcome.Ok;
    }

    private bool IsNameOf(string name, SafeFileHandle file) =>
        Linux.Stat(directory, name, out var named) == 0 && Linux.Stat(file, out var own) == 0 && named.IsSameFile(own);

    private void SyncDirectory()
    {
        // EINVAL: the filesystem has no fsync of directories (some FUSE ones), and nothing more can be done.
        var error = Linux.Sync(directory);
        if (error is not (0 or Linux.EINVAL))
            throw Linux.Fault(error, $"'{path}' could not be synchronised");
    }

    private static StoreException NotPlain(string location) =>
        new(StoreError.InvalidLocation, "The location names a link, directory or device; an image is a regular file.", location);
}
