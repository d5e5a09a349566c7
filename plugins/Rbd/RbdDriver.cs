using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// One RADOS block device per image in one pool, with a protected snapshot <c>snap</c>, as Nova and Cinder clone it.
/// <para>
/// An attempt writes an image named <c>.glance-&lt;image id&gt;-&lt;attempt id&gt;</c>. Commit brings it to its length, notes the attempt in its metadata,
/// takes and protects the snapshot, and then renames it to the image id, which fails when the name is taken. Settling removes the note.
/// Invariants:
/// </para>
/// <list type="bullet">
/// <item>an image's name never appears before its bytes are stored and its snapshot is protected, and never replaces another;</item>
/// <item>an attempt whose image is gone cannot commit: there is nothing left to rename;</item>
/// <item>the image under the final name is removed for an attempt only when its metadata name that attempt.</item>
/// </list>
/// <para>
/// What a crash leaves: an image with the attempt's name, whole or in part (librbd removes either); in the middle of the rename, both names
/// for one image, which settling finishes first. Ceph takes a crashed client for alive for 30 s more: until then its image cannot be removed,
/// settling fails as unavailable and is repeated. A writer of this very driver is closed instead.
/// </para>
/// <para>
/// What a cluster that stands still leaves: calls of the libraries that wait in their threads (<see cref="CallPulse"/>). No request is repeated
/// after its time-out, but one that was sent may still take effect. The name of the attempt keeps its bytes apart, its watch keeps the image
/// from being removed under it, and whatever else would change the image is refused as unavailable until the abandoned call has come back.
/// </para>
/// </summary>
internal sealed partial class RbdDriver(RbdSettings settings, CephConnection connection, string fsid, IStoreContext context) : IStorageDriver, IStoreCapacity
{
    private static readonly TimeSpan capacityAge = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<string, RbdWriter> writers = new(StringComparer.Ordinal);
    private readonly NativeBuffers buffers = new(settings.WriteSize, keep: settings.WritesInFlight * 2);
    private MeasuredCapacity? lastCapacity;

    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        var attempt = request.Attempt;
        var name = RbdNames.NameOf(attempt);
        try
        {
            if (request.DeclaredSize is > 0 and var declared && await FindFreeAsync(cancellationToken) is { } free && declared > free)
                return StoreOutcome.Full;
            var size = request.DeclaredSize ?? 0;
            var (outcome, image, id) = await connection.RunAsync(
                cluster => Begin(cluster, attempt, name, size), cancellationToken, late => Abandon(late.Image, attempt));
            if (outcome != StoreOutcome.Ok)
                return outcome;
            var writer = new RbdWriter(this, settings, buffers, attempt, image!, id!, size);
            writers[attempt.AttemptId] = writer;
            return writer;
        }
        catch (CephException failure)
        {
            return Errno.OutcomeOf(failure.Error) is StoreOutcome.Full or StoreOutcome.Denied
                ? new StoreResult<IStoreWriter>(Errno.OutcomeOf(failure.Error)!.Value, null, failure.Message)
                : throw failure.ToFault(attempt.ImageId);
        }
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var place = RbdNames.PlaceIn(fsid, settings.Pool, location);
        var source = new RbdSource(settings, connection, place);
        try
        {
            await source.OpenAsync(cancellationToken);
            return source;
        }
        catch (CephException failure)
        {
            await source.DisposeAsync();
            return Errno.OutcomeOf(failure.Error) is StoreOutcome.Absent or StoreOutcome.Denied
                ? new StoreResult<IByteSource>(Errno.OutcomeOf(failure.Error)!.Value, null, failure.Message)
                : throw failure.ToFault(place.Image);
        }
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<Residue> found;
        try
        {
            found = await connection.RunAsync(ListResidue, cancellationToken);
        }
        catch (CephException failure)
        {
            throw failure.ToFault();
        }

        foreach (var residue in found)
            yield return residue;
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        _ = RbdNames.NameOf(attempt);
        if (!keepCommitted && writers.TryGetValue(attempt.AttemptId, out var writer))
            await writer.FenceAsync(cancellationToken);
        try
        {
            await (keepCommitted
                ? connection.RunAsync(cluster => Keep(cluster, attempt), cancellationToken, image: attempt.ImageId)
                : connection.RemoveAsync(cluster => Forget(cluster, attempt), attempt.ImageId, cancellationToken));
        }
        catch (CephException failure)
        {
            throw failure.ToFault(attempt.ImageId);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        buffers.Dispose();
    }

    /// <summary>Runs a writer's blocking calls.</summary>
    internal Task<T> RunAsync<T>(WriteAttempt attempt, Func<CephCluster, T> call) => connection.RunAsync(call, CancellationToken.None, image: attempt.ImageId);

    /// <summary>The finished object of an attempt.</summary>
    internal StoredObject Stored(WriteAttempt attempt, long size) =>
        new(RbdNames.LocationOf(fsid, settings.Pool, attempt.ImageId), size, new Dictionary<string, string>());

    /// <summary>Ends a writer, and removes what its attempt left unless it was committed. Never throws: what stays is residue.</summary>
    internal async Task ReleaseAsync(WriteAttempt attempt, bool committed)
    {
        writers.TryRemove(attempt.AttemptId, out _);
        if (committed)
            return;
        try
        {
            await SettleAsync(attempt, keepCommitted: false, CancellationToken.None);
        }
        catch (Exception exception) when (exception is StoreException or ObjectDisposedException)
        {
            context.Log(StoreLogLevel.Warning, $"'{RbdNames.NameOf(attempt)}' could not be removed and is left as residue: {exception.Message}");
        }
    }

    private (StoreOutcome Outcome, RbdImage? Image, string? Id) Begin(CephCluster cluster, WriteAttempt attempt, string name, long size)
    {
        if (PoolImages.FindId(cluster, attempt.ImageId) is { } taken && !TryFreeName(cluster, attempt.ImageId, taken))
            return (StoreOutcome.Duplicate, null, null);
        var created = PoolImages.Create(cluster, name, size, settings.ChunkSize);

        // The same call on a connection that died before its answer.
        if (created != -Errno.EEXIST)
            CephException.Check(created, $"'{name}' could not be created");
        CephException.Check(RbdImage.TryOpen(cluster, name, out var image), $"'{name}' could not be opened");
        try
        {
            var id = PoolImages.FindId(cluster, name) ?? throw new CephException(Errno.ENOENT, $"'{name}' has gone");
            return (StoreOutcome.Ok, image, id);
        }
        catch
        {
            image!.Close(mayBlock: true);
            throw;
        }
    }

    // A rename that ran out of time may take effect after its image was settled: then the name stands for nothing. Whoever removes an image takes its
    // header away last but for the names.
    private static bool TryFreeName(CephCluster cluster, string name, string id) => !PoolImages.Exists(cluster, id) && PoolImages.Remove(cluster, name) is 0 or -Errno.ENOENT;

    // Its caller was cancelled while the image was made.
    private void Abandon(RbdImage? image, WriteAttempt attempt)
    {
        if (image is null)
            return;
        _ = Task.Run(async () =>
        {
            image.Close(mayBlock: true);
            await ReleaseAsync(attempt, committed: false);
        });
    }

    private List<Residue> ListResidue(CephCluster cluster)
    {
        var found = new List<Residue>();
        foreach (var (name, id) in PoolImages.List(cluster))
        {
            if (RbdNames.TryParseName(name, out var attempt))
                found.Add(new Residue(attempt, $"{settings.Pool}/{name}", Size: null, PoolImages.ModifiedAt(cluster, id)));
        }

        return found;
    }
}
