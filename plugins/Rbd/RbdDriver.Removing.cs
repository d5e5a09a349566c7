using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// Deleting and settling.
/// <para>
/// To delete, the snapshot is unprotected, which fails while there are clones of the old kind; then it is removed; then the image. Clones of
/// the second kind keep an invisible copy of the snapshot, and the image goes to the pool's trash, from where Ceph removes it after its last
/// clone. What else needs the image is looked for before anything is touched; whatever appears in between is found by librbd, and the snapshot
/// is taken and protected again, so that an image which is in use stays as it was.
/// </para>
/// <para>
/// Of a call that ran out of time the watch of the image may stay for another 30 s. That is no use of the image: the answer is then unavailable, and
/// the removal is repeated. So it is when the snapshot is gone, whoever watches: somebody's removal got that far, and the image is not whole.
/// </para>
/// </summary>
internal sealed partial class RbdDriver
{
    private readonly Dictionary<string, Task<StoreOutcome>> deletions = new(StringComparer.Ordinal);

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        var place = RbdNames.PlaceIn(fsid, settings.Pool, location);
        cancellationToken.ThrowIfCancellationRequested();
        Task<StoreOutcome> running;
        lock (deletions)
        {
            // Of a large image it may outlast its caller; a second one beside it would find the first and call the image in use.
            if (!deletions.TryGetValue(place.Image, out running!))
            {
                running = Task.Run(() => DeleteAsync(place), CancellationToken.None);
                deletions.Add(place.Image, running);
            }
        }

        return await running.WaitAsync(cancellationToken);
    }

    private async Task<StoreOutcome> DeleteAsync(RbdPlace place)
    {
        try
        {
            return await connection.RemoveAsync(cluster => Delete(cluster, place.Image, place.Snapshot), place.Image, CancellationToken.None);
        }
        catch (CephException failure)
        {
            throw failure.ToFault(place.Image);
        }
        finally
        {
            lock (deletions)
                deletions.Remove(place.Image);
        }
    }

    // Without a snapshot named, the image may have none.
    private StoreOutcome Delete(CephCluster cluster, string name, string? namedSnapshot)
    {
        var snapshot = namedSnapshot ?? RbdNames.Snapshot;
        var opened = RbdImage.TryOpen(cluster, name, out var image);
        if (opened == -Errno.ENOENT)
            return DeleteRest(cluster, name);
        if (opened < 0)
            return Errno.OutcomeOf(-opened) is StoreOutcome.Denied ? StoreOutcome.Denied : throw new CephException(-opened, $"'{name}' could not be opened");
        bool hadSnapshot;
        try
        {
            var watchers = PoolImages.OtherWatchersOf(image!);
            if (watchers.Count > 0)
            {
                RequireForeign(watchers, name);
                CallPulse.Beat();
                if (namedSnapshot is not null && Librbd.rbd_snap_get_id(image!.Handle, snapshot, out _) == -Errno.ENOENT)
                    throw StillWatched(name, "whoever began to remove it");
                return StoreOutcome.InUse;
            }

            CallPulse.Beat();
            var unprotected = Librbd.rbd_snap_unprotect(image!.Handle, snapshot);

            // -EINVAL: it was not protected.
            if (unprotected is not (0 or -Errno.EINVAL or -Errno.ENOENT))
                return OutcomeOf(unprotected, $"'{name}@{snapshot}' could not be unprotected");
            CallPulse.Beat();
            var removed = Librbd.rbd_snap_remove(image.Handle, snapshot);
            if (removed is not (0 or -Errno.ENOENT))
            {
                Librbd.rbd_snap_protect(image.Handle, snapshot);
                return OutcomeOf(removed, $"'{name}@{snapshot}' could not be removed");
            }

            hadSnapshot = removed == 0;
        }
        finally
        {
            image!.Close(mayBlock: true);
        }

        var result = PoolImages.Remove(cluster, name);
        if (result == -Errno.ENOTEMPTY)
            result = Librbd.rbd_trash_move(cluster.Io, name, 0);
        if (result is 0 or -Errno.ENOENT)
            return StoreOutcome.Ok;
        if (!hadSnapshot && namedSnapshot is not null && result == -Errno.EBUSY)
            throw StillWatched(name, "whoever began to remove it");
        if (hadSnapshot && Errno.OutcomeOf(-result) is StoreOutcome.InUse or StoreOutcome.Denied)
            Restore(cluster, name, snapshot);
        return OutcomeOf(result, $"'{name}' could not be removed");
    }

    // No header: the image is not there, or a removal ended after the header and before the name.
    private StoreOutcome DeleteRest(CephCluster cluster, string name)
    {
        var removed = PoolImages.Remove(cluster, name);
        if (removed == 0)
            return StoreOutcome.Ok;
        if (removed != -Errno.ENOENT)
            return OutcomeOf(removed, $"'{name}' could not be removed");
        RequirePool(cluster, settings.Pool);
        return StoreOutcome.Absent;
    }

    private void Restore(CephCluster cluster, string name, string snapshot)
    {
        var watchers = new List<ulong>();
        var result = RbdImage.TryOpen(cluster, name, out var image);
        if (image is not null)
        {
            try
            {
                result = Librbd.rbd_snap_create(image.Handle, snapshot);
                if (result is 0 or -Errno.EEXIST)
                    result = Librbd.rbd_snap_protect(image.Handle, snapshot);
                if (result >= 0)
                    watchers = PoolImages.OtherWatchersOf(image);
            }
            finally
            {
                image.Close(mayBlock: true);
            }
        }

        if (result < 0)
            context.Log(StoreLogLevel.Error, $"'{settings.Pool}/{name}' is in use but lost its snapshot '{snapshot}', which could not be taken again: {Errno.Describe(-result)}.");
        RequireForeign(watchers, name);
    }

    private void RequireForeign(List<ulong> watchers, string name)
    {
        if (watchers.Count > 0 && watchers.TrueForAll(connection.IsOurs))
            throw StillWatched(name, "a call of this store that ran out of time");
    }

    private static StoreException StillWatched(string name, string who) =>
        new(StoreError.Unavailable, $"'{name}' is still open to {who}. Ceph forgets it 30 s after its end; then the image can be removed.", name);

    // After the registry has the location. The note would else be copied to every clone.
    private static bool Keep(CephCluster cluster, WriteAttempt attempt)
    {
        FinishCommit(cluster, attempt);
        var opened = RbdImage.TryOpen(cluster, attempt.ImageId, out var image);
        if (opened == -Errno.ENOENT)
            return true;
        CephException.Check(opened, $"'{attempt.ImageId}' could not be opened");
        try
        {
            if (PoolImages.AttemptOf(image!) == attempt.AttemptId)
            {
                CallPulse.Beat();
                var removed = Librbd.rbd_metadata_remove(image!.Handle, PoolImages.AttemptKey);
                if (removed != -Errno.ENOENT)
                    CephException.Check(removed, "The image's metadata could not be changed");
            }
        }
        finally
        {
            image!.Close(mayBlock: true);
        }

        return true;
    }

    private bool Forget(CephCluster cluster, WriteAttempt attempt)
    {
        var name = RbdNames.NameOf(attempt);
        FinishCommit(cluster, attempt);
        Require(Delete(cluster, name, RbdNames.Snapshot), name);

        // Only now: a rename that ended meanwhile has moved the image there.
        var opened = RbdImage.TryOpenReadOnly(cluster, attempt.ImageId, snapshot: null, out var image);
        if (opened == -Errno.ENOENT)
            return true;
        CephException.Check(opened, $"'{attempt.ImageId}' could not be opened");
        string? maker;
        try
        {
            maker = PoolImages.AttemptOf(image!);
        }
        finally
        {
            image!.Close(mayBlock: true);
        }

        if (maker == attempt.AttemptId)
            Require(Delete(cluster, attempt.ImageId, RbdNames.Snapshot), attempt.ImageId);
        return true;

        static void Require(StoreOutcome outcome, string name)
        {
            if (outcome is StoreOutcome.InUse)
            {
                throw new StoreException(
                    StoreError.Unavailable, $"'{name}' is still open elsewhere or has clones. Ceph forgets a client that died after 30 s; then it can be removed.", name);
            }

            if (outcome is not (StoreOutcome.Ok or StoreOutcome.Absent))
                throw new StoreException(StoreError.Unexpected, $"'{name}' could not be removed: {outcome}.", name);
        }
    }

    private static void FinishCommit(CephCluster cluster, WriteAttempt attempt)
    {
        var name = RbdNames.NameOf(attempt);
        if (PoolImages.FindId(cluster, name) is { } id && PoolImages.FindId(cluster, attempt.ImageId) == id)
            PoolImages.FinishRename(cluster, name, attempt.ImageId, id);
    }

    // An image of a pool that was deleted is not absent: that would let the registry forget it.
    private static void RequirePool(CephCluster cluster, string pool)
    {
        if (cluster.HasPool(pool))
            return;
        cluster.Retire();
        throw new StoreException(StoreError.Unavailable, $"The pool '{pool}' is gone.");
    }

    private static StoreOutcome OutcomeOf(int result, string what) =>
        Errno.OutcomeOf(-result) is StoreOutcome.InUse or StoreOutcome.Denied ? Errno.OutcomeOf(-result)!.Value : throw new CephException(-result, what);
}
