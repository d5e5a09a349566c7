using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>
/// One file per image in one of the store's directories.
/// <para>
/// A new image goes to the directory of the highest priority that has room for its declared size; of equals to the one with most free space,
/// asked anew each time. One that refuses to take a file is passed over.
/// </para>
/// <para>
/// An attempt writes <c>.glance-&lt;image id&gt;-&lt;attempt id&gt;.part</c>. Commit makes the bytes durable and then gives the same file its second
/// name, the image id, by link(2), which fails when the name is taken. The part name stays until the attempt is settled. Two names of one
/// inode are the proof, on disk and across a crash, that the object came from this attempt; hence these invariants:
/// </para>
/// <list type="bullet">
/// <item>an image's name never appears before its bytes are on disk, and never replaces another;</item>
/// <item>an image's name is in one directory only: a commit looks for it in the others before and after it makes its own, and steps back when
/// it is there. Two at once may both step back; none is lost, because neither was acknowledged;</item>
/// <item>when an attempt is discarded its object's name goes first and its part name last: a crash between leaves a part that is listed;</item>
/// <item>the object's name is removed for an attempt only while it is the same inode as the attempt's part.</item>
/// </list>
/// </summary>
internal sealed class FileSystemDriver(IReadOnlyList<ImageDirectory> directories, FileSystemSettings settings) : IStorageDriver, IStoreCapacity, ILocalPaths
{
    public IReadOnlyList<string> Paths { get; } = [.. directories.Select(directory => directory.Path)];

    // Every call below runs in the thread pool: a system call on a dead NFS server does not return, and the host must be able to stop waiting.
    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        FileNames.PartOf(request.Attempt);
        return await Task.Run(() => BeginWrite(request), cancellationToken);
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var (directory, name) = Find(location);
        return await Task.Run(() => directory.OpenImage(name, location), cancellationToken);
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        var (directory, name) = Find(location);
        return await Task.Run(() => directory.Delete(name, location), cancellationToken);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // What can be listed comes first; the directory that cannot be opened ends the list, so that nobody takes it for complete.
        foreach (var directory in await Task.Run(() => directories.OrderByDescending(directory => directory.TryOpen()).ToList(), cancellationToken))
        {
            foreach (var part in await Task.Run(directory.ListParts, cancellationToken))
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return part;
            }
        }
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        FileNames.PartOf(attempt);
        await Task.Run(() => Settle(attempt, keepCommitted), cancellationToken);
    }

    public async ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) =>
        await Task.Run(Measure, cancellationToken);

    public ValueTask DisposeAsync()
    {
        foreach (var directory in directories)
            directory.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Gives the attempt's file the image's name and makes that durable. Repeatable until it has succeeded.</summary>
    internal StoreResult<StoredObject> Publish(ImageDirectory directory, WriteAttempt attempt, SafeFileHandle file, long size)
    {
        if (IsElsewhere(directory, attempt.ImageId))
            return StoreOutcome.Duplicate;
        var (outcome, detail) = directory.Name(attempt, file);
        if (outcome != StoreOutcome.Ok)
            return new StoreResult<StoredObject>(outcome, null, detail);
        if (IsElsewhere(directory, attempt.ImageId))
        {
            directory.Unname(attempt, file);
            return StoreOutcome.Duplicate;
        }

        directory.Sync();
        return new StoredObject(
            FileNames.LocationOf(directory.Path, attempt.ImageId), size, settings.MountPoints.Of($"{directory.Path}/{attempt.ImageId}"));
    }

    private bool IsElsewhere(ImageDirectory directory, string imageId) => directories.Any(other => other != directory && other.Holds(imageId));

    private StoreResult<IStoreWriter> BeginWrite(WriteRequest request)
    {
        if (directories.Any(directory => directory.Holds(request.Attempt.ImageId)))
            return StoreOutcome.Duplicate;

        var refusals = new List<(StoreOutcome Outcome, string Detail)>();
        var unusable = 0;
        foreach (var (directory, room) in directories.Select(directory => (directory, Room: directory.Measure()))
            .OrderByDescending(each => each.directory.Priority).ThenByDescending(each => each.Room?.Free))
        {
            if (room is not { } known)
            {
                unusable++;
                continue;
            }

            // Without a declared size any room will do, as upstream has it.
            var needed = request.DeclaredSize ?? 1;
            if (known.Free < needed)
            {
                refusals.Add((StoreOutcome.Full, $"'{directory.Path}' has {known.Free} bytes free of the {needed} needed."));
                continue;
            }

            var error = directory.CreatePart(request.Attempt, out var file);
            if (error == 0)
                return new FileWriter(this, directory, request.Attempt, file, settings);
            if (Linux.OutcomeOf(error) is not ((StoreOutcome.Full or StoreOutcome.Denied) and var outcome))
                throw directory.Fault(error, $"'{FileNames.PartOf(request.Attempt)}' could not be created in '{directory.Path}'", request.Attempt.ImageId);
            refusals.Add((outcome, $"'{directory.Path}': {Linux.Fault(error, "create").Message}"));
        }

        if (refusals.Count == 0)
            throw new StoreException(StoreError.Unavailable, $"None of the {unusable} directories can be used; see the log of the store's start.");
        var answer = refusals.Exists(refusal => refusal.Outcome == StoreOutcome.Full) ? StoreOutcome.Full : StoreOutcome.Denied;
        return new StoreResult<IStoreWriter>(answer, null, string.Join(" ", refusals.Select(refusal => refusal.Detail)));
    }

    private void Settle(WriteAttempt attempt, bool keepCommitted)
    {
        // An attempt has its part in one directory. It may be in one that is gone for now: then nobody may take it for settled.
        StoreException? fault = null;
        foreach (var directory in directories)
        {
            if (!directory.TryOpen())
                fault = new StoreException(StoreError.Unavailable, $"'{directory.Path}' may hold traces of the attempt and cannot be opened.", attempt.ImageId);
            else if (directory.Forget(attempt, keepCommitted))
                return;
        }

        if (fault is not null)
            throw fault;
    }

    private StoreCapacity Measure()
    {
        // Several directories on one filesystem share its room.
        var rooms = new Dictionary<ulong, (long Total, long Free)>();
        foreach (var directory in directories)
        {
            if (directory.Measure() is not { } room)
                continue;
            var free = Linux.CheckWritable(directory.Handle) == 0 ? room.Free : 0;
            rooms[room.Device] = (room.Total, Math.Max(free, rooms.GetValueOrDefault(room.Device).Free));
        }

        return rooms.Count > 0
            ? new StoreCapacity(rooms.Values.Sum(room => room.Total), rooms.Values.Sum(room => room.Free))
            : throw new StoreException(StoreError.Unavailable, "No directory of the store can be asked for its room.");
    }

    private (ImageDirectory Directory, string Name) Find(string location)
    {
        foreach (var directory in directories)
        {
            if (FileNames.NameIn(directory.Path, location) is { } name)
                return (directory, name);
        }

        throw new StoreException(
            StoreError.InvalidLocation, $"The location is not {string.Join(" or ", directories.Select(directory => $"file://{directory.Path}/<name>"))}.", location);
    }
}
