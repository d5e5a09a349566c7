using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>
/// One vdi per image in a Sheepdog cluster.
/// <para>
/// An attempt writes a vdi named <c>.glance-&lt;image id&gt;-&lt;attempt id&gt;</c>. Commit makes the image's vdi as a clone of it: one operation of the
/// cluster, which gives the clone the attempt's map and counts one reference more on every object, and which refuses a name that is taken. Nothing
/// is copied, and from then on the cluster refuses writes to the attempt's objects. The attempt's vdi is deleted when the attempt is settled; the
/// objects stay, because the image refers to them. Invariants:
/// </para>
/// <list type="bullet">
/// <item>an image's name never appears before all its bytes are on the cluster's disks, and never replaces another;</item>
/// <item>the image's inode names the attempt's vdi as its parent: the proof of whose it is, for as long as the attempt is not settled;</item>
/// <item>settling first tags the attempt's vdi, and a commit looks for the tag after the clone: whichever comes first, the other one knows;</item>
/// <item>nothing is written to an attempt's map after its clone: the cluster would forget the references that the clone holds;</item>
/// <item>an image is tagged before it is deleted, because its map reads as a hole meanwhile.</item>
/// </list>
/// <para>
/// What a crash leaves: an attempt's vdi, which is listed by its name, and objects that its map does not name yet. Those lie in the last
/// <see cref="WindowObjects"/> objects of its size, which grows in such steps, and are looked for there.
/// </para>
/// </summary>
internal sealed class SheepdogDriver(SheepdogSettings settings, Cluster cluster, IStoreContext context) : IStorageDriver
{
    /// <summary>Objects between two writes of an attempt's map. Part of what is stored: a successor must look as far back as its predecessor wrote.</summary>
    public const int WindowObjects = 64;

    private const string SettlingTag = "glance: being settled";
    private const string DeletingTag = "glance: being deleted";

    // Erasing a map twice at once would count references down twice, so that objects are never freed.
    private readonly SemaphoreSlim[] erasing = [.. Enumerable.Range(0, 16).Select(_ => new SemaphoreSlim(1))];

    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        var attempt = request.Attempt;
        var name = VdiNames.OfAttempt(attempt);
        if (await cluster.FindAsync(attempt.ImageId, cancellationToken) is not null)
            return StoreOutcome.Duplicate;

        var made = await cluster.CreateAsync(name, 0, 0, default, 0, cancellationToken);
        if (made.Result == SheepResult.VdiExists)
            throw new StoreException(StoreError.Unexpected, "The same attempt began twice.", attempt.ImageId);
        if (made.Result != SheepResult.Ok)
            return Refusals.OutcomeOf(made.Result) ?? throw Refusals.Of(made.Result, "The vdi could not be made", attempt.ImageId);

        StoreOutcome outcome;
        try
        {
            var inode = await cluster.DescribeAsync(made.VdiId, cancellationToken)
                ?? throw new StoreException(StoreError.Unexpected, "The vdi that was just made is not there.", attempt.ImageId);
            if (inode.IsHyperVolume)
                throw new StoreException(StoreError.Misconfigured, "The cluster makes hyper volumes only, which this driver does not write.", attempt.ImageId);
            if (request.DeclaredSize is not { } declared || declared <= inode.LargestSize)
                return new SheepdogWriter(this, cluster, settings, attempt, inode);
            outcome = StoreOutcome.Full;
        }
        catch
        {
            await AbandonAsync(attempt);
            throw;
        }

        await AbandonAsync(attempt);
        return outcome;
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var name = VdiNames.NameIn(settings, location);
        if (await cluster.FindAsync(name, cancellationToken) is not { Tag: not DeletingTag } inode)
            return StoreOutcome.Absent;
        ThrowIfHyper(inode, location);

        // The map is read once: images do not change, and an object that is gone later is told from one that never was.
        var map = await cluster.ReadMapAsync(inode, cancellationToken);
        if (await cluster.DescribeAsync(inode.VdiId, cancellationToken) is not { Tag: not DeletingTag } still || still.Name != name)
            return StoreOutcome.Absent;
        return new SheepdogSource(cluster, settings, inode, map);
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        var name = VdiNames.NameIn(settings, location);
        var turn = await EnterAsync(name, cancellationToken);
        try
        {
            if (await cluster.FindAsync(name, cancellationToken) is not { } inode)
                return StoreOutcome.Absent;
            ThrowIfHyper(inode, location);
            await EraseAsync(inode, cancellationToken);
            return StoreOutcome.Ok;
        }
        finally
        {
            turn.Release();
        }
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var inode in await cluster.ListAsync(cancellationToken))
        {
            if (!inode.IsSnapshot && VdiNames.TryParseAttempt(inode.Name, out var attempt))
                yield return new Residue(attempt, inode.Name, null, DateTimeOffset.FromUnixTimeSeconds((long)(inode.CreateTime >> 32)));
        }
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        var name = VdiNames.OfAttempt(attempt);
        var turn = await EnterAsync(name, cancellationToken);
        try
        {
            if (await cluster.FindAsync(name, cancellationToken) is not { } inode)
                return;
            Cluster.Expect(await cluster.WriteInodeAsync(inode, Inode.TagOffset, Inode.PadTag(SettlingTag), cancellationToken), "The attempt could not be ended", name);
            var isCommitted = await cluster.FindAsync(attempt.ImageId, cancellationToken) is { } image && image.ParentVdiId == inode.VdiId;
            if (isCommitted && !keepCommitted)
                await TakeBackAsync(attempt, inode, cancellationToken);

            // Read only now: until the tag was there, the attempt could still grow.
            inode = await cluster.DescribeAsync(inode.VdiId, cancellationToken) ?? inode;
            var map = await cluster.ReadMapAsync(inode, cancellationToken);
            if (!isCommitted)
            {
                var last = Enumerable.Range(Math.Max(0, map.Length - WindowObjects), Math.Min(map.Length, WindowObjects));
                await cluster.RemoveAsync(inode, last.Where(index => map[index] == 0), cancellationToken);
            }

            await cluster.DeleteAsync(inode, map, cancellationToken);
        }
        finally
        {
            turn.Release();
        }
    }

    public ValueTask DisposeAsync() => cluster.DisposeAsync();

    /// <summary>Makes the image's vdi of the attempt's. Repeatable.</summary>
    /// <param name="attempt">Whose vdi.</param>
    /// <param name="inode">The attempt's vdi, whose map is complete.</param>
    /// <param name="size">Bytes of the image.</param>
    /// <param name="cancellationToken">Ends the wait; the image may or may not be there then.</param>
    internal async Task<StoreResult<StoredObject>> PublishAsync(WriteAttempt attempt, Inode inode, long size, CancellationToken cancellationToken)
    {
        var made = await cluster.CreateAsync(attempt.ImageId, size, inode.VdiId, inode.Redundancy, inode.BlockSizeShift, cancellationToken);
        if (made.Result == SheepResult.VdiExists)
        {
            // Our own of an earlier try whose answer was lost is a success.
            if (await cluster.FindAsync(attempt.ImageId, cancellationToken) is not { } other || other.ParentVdiId != inode.VdiId)
                return StoreOutcome.Duplicate;
        }
        else if (made.Result != SheepResult.Ok)
        {
            return Refusals.OutcomeOf(made.Result) ?? throw Refusals.Of(made.Result, "The image could not be given its name", attempt.ImageId);
        }

        if (!await IsOpenAsync(attempt, inode, cancellationToken))
        {
            await TakeBackAsync(attempt, inode, cancellationToken);
            throw Settled(attempt);
        }

        return new StoredObject(VdiNames.LocationOf(settings, attempt.ImageId), size, new Dictionary<string, string>());
    }

    /// <summary>Throws when the attempt was settled by somebody else.</summary>
    internal async Task ThrowIfSettledAsync(WriteAttempt attempt, Inode inode, CancellationToken cancellationToken)
    {
        if (!await IsOpenAsync(attempt, inode, cancellationToken))
            throw Settled(attempt);
    }

    /// <summary>Removes what an attempt left. Never throws: what stays is residue.</summary>
    internal async Task AbandonAsync(WriteAttempt attempt)
    {
        try
        {
            using var limit = new CancellationTokenSource(settings.ConnectTimeout + settings.OperationTimeout, context.Time);
            await SettleAsync(attempt, keepCommitted: false, limit.Token);
        }
        catch (Exception exception) when (exception is StoreException or OperationCanceledException or ObjectDisposedException)
        {
            context.Log(StoreLogLevel.Warning, $"The vdi '{VdiNames.OfAttempt(attempt)}' could not be removed and is left as residue: {exception.Message}");
        }
    }

    private static StoreException Settled(WriteAttempt attempt) =>
        new(StoreError.Unexpected, "The attempt's vdi is gone: the attempt was settled meanwhile.", attempt.ImageId);

    private static void ThrowIfHyper(Inode inode, string location)
    {
        if (inode.IsHyperVolume)
            throw new StoreException(StoreError.InvalidLocation, "The location names a hyper volume, whose map this driver does not read.", location);
    }

    private async Task<bool> IsOpenAsync(WriteAttempt attempt, Inode inode, CancellationToken cancellationToken) =>
        await cluster.DescribeAsync(inode.VdiId, cancellationToken) is { Tag: "" } now && now.Name == VdiNames.OfAttempt(attempt);

    private async Task TakeBackAsync(WriteAttempt attempt, Inode inode, CancellationToken cancellationToken)
    {
        var turn = await EnterAsync(attempt.ImageId, cancellationToken);
        try
        {
            if (await cluster.FindAsync(attempt.ImageId, cancellationToken) is { } made && made.ParentVdiId == inode.VdiId)
                await EraseAsync(made, cancellationToken);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task EraseAsync(Inode inode, CancellationToken cancellationToken)
    {
        Cluster.Expect(
            await cluster.WriteInodeAsync(inode, Inode.TagOffset, Inode.PadTag(DeletingTag), cancellationToken), "The image could not be deleted", inode.Name);
        await cluster.DeleteAsync(inode, await cluster.ReadMapAsync(inode, cancellationToken), cancellationToken);
    }

    // Names of images and of attempts have stripes of their own, because settling an attempt may delete its image.
    private async Task<SemaphoreSlim> EnterAsync(string name, CancellationToken cancellationToken)
    {
        var half = erasing.Length / 2;
        var stripe = (int)((uint)name.GetHashCode(StringComparison.Ordinal) % half) + (name[0] == '.' ? half : 0);
        await erasing[stripe].WaitAsync(cancellationToken);
        return erasing[stripe];
    }
}
