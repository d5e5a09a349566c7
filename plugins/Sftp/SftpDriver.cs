using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>
/// One file per image in one directory of an SSH server.
/// <para>
/// An attempt writes <c>.glance-&lt;image id&gt;-&lt;attempt id&gt;.part</c>. Commit has the server sync the bytes and then gives the same file its
/// second name, the image id, by <c>hardlink@openssh.com</c>, which fails when the name is taken; a second sync makes the name durable, on the
/// journalling filesystems where syncing a file also commits its links. The part name stays until the attempt is settled. Invariants:
/// </para>
/// <list type="bullet">
/// <item>an image's name never appears before its bytes are on the server's disk, and never replaces another;</item>
/// <item>an attempt whose part name is gone can never commit: there is nothing left to link;</item>
/// <item>the object's name is removed for an attempt only after it proved to be the same file as the attempt's part.</item>
/// </list>
/// <para>
/// SFTP tells no inode, so the proof is made: the part's modification time is moved by a second, and the object is its twin if its own moved
/// too. It happens only before an object is taken back and when a commit is repeated, when the registry does not hold the location yet and
/// nobody reads. What a crash leaves: before the link, a part; after it, a part and its twin; while an attempt is discarded, the object goes
/// first and the part last, so that what is left is always listed; inside the proof, a time that is off by a second.
/// </para>
/// </summary>
internal class SftpDriver(SftpSettings settings, SessionPool pool, string root, IStoreContext context) : IStorageDriver
{
    // Requests and buffers of uploads in flight may need this much more than what is free.
    private const long SpaceMargin = 16 * 1024 * 1024;

    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        var attempt = request.Attempt;
        var part = SftpNames.PartOf(attempt);
        var session = await pool.RentAsync(cancellationToken);
        var begun = false;
        try
        {
            if ((await session.DescribeAsync(PathOf(attempt.ImageId), cancellationToken)).IsOk)
                return StoreOutcome.Duplicate;
            if (request.DeclaredSize is { } declared && await GetFreeAsync(session, cancellationToken) is { } free && declared > free)
                return StoreOutcome.Full;

            var opened = await session.OpenFileAsync(PathOf(part), SftpOpen.Write | SftpOpen.Create | SftpOpen.Exclusive, cancellationToken);
            if (opened.IsOk)
            {
                begun = true;
                return new SftpWriter(this, settings, session, attempt, opened.Value);
            }

            return opened.Status == SftpStatus.PermissionDenied
                ? new StoreResult<IStoreWriter>(StoreOutcome.Denied, null, opened.Text)
                : await IsFullAsync(session, 0, cancellationToken)
                    ? StoreOutcome.Full
                    : throw Faults.Of(opened.Status, opened.Text, $"'{part}' could not be created", attempt.ImageId);
        }
        finally
        {
            if (!begun)
                pool.Return(session);
        }
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var path = PathOf(SftpNames.NameIn(settings, location));
        var described = await pool.UseAsync(session => session.DescribeAsync(path, cancellationToken), cancellationToken);
        if (!described.IsOk)
            return Expected(described.Status, described.Text, "The image could not be examined", location);
        if (!described.Value.IsRegular)
            throw NotPlain(location);

        var source = new SftpSource(settings, pool, path, described.Value);
        try
        {
            var opened = await source.OpenHandleAsync(cancellationToken);
            if (opened.Status == SftpStatus.Ok)
                return source;
            await source.DisposeAsync();
            return Expected(opened.Status, opened.Text, "The image could not be opened", location);
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        var path = PathOf(SftpNames.NameIn(settings, location));
        return await pool.UseAsync(
            async session =>
            {
                var described = await session.DescribeAsync(path, cancellationToken);
                if (described.IsOk && !described.Value.IsRegular)
                    throw NotPlain(location);
                if (!described.IsOk)
                    return Faults.OutcomeOf(described.Status) ?? throw Faults.Of(described.Status, described.Text, "The image could not be examined", location);
                var removed = await session.RemoveAsync(path);
                return Faults.OutcomeOf(removed.Status) ?? throw Faults.Of(removed.Status, removed.Text, "The image could not be removed", location);
            },
            cancellationToken);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var found = await pool.UseAsync(
            async session =>
            {
                var parts = new List<Residue>();
                await foreach (var (name, attributes) in session.ListAsync(root, cancellationToken))
                {
                    if (SftpNames.TryParsePart(name, out var attempt) && attributes.IsRegular)
                        parts.Add(new Residue(attempt, $"{settings.Directory}/{name}", attributes.Size, DateTimeOffset.FromUnixTimeSeconds(attributes.ModifiedAt)));
                }

                return parts;
            },
            cancellationToken);
        foreach (var residue in found)
            yield return residue;
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        _ = SftpNames.PartOf(attempt);
        await pool.UseAsync(session => ForgetAsync(session, attempt, keepCommitted, cancellationToken), cancellationToken);
    }

    public ValueTask DisposeAsync() => pool.DisposeAsync();

    /// <summary>Gives the attempt's file the image's name. Repeatable, also over another session.</summary>
    /// <param name="session">The writer's own, which may be dead by now.</param>
    /// <param name="attempt">Whose file.</param>
    /// <param name="handle">The file, open in <paramref name="session"/>.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="cancellationToken">Ends the wait; the name may or may not be there then.</param>
    internal async Task<StoreResult<StoredObject>> PublishAsync(
        SftpSession session, WriteAttempt attempt, byte[] handle, long size, CancellationToken cancellationToken)
    {
        var outcome = session.IsOpen
            ? await LinkAsync(session, attempt, cancellationToken)
            : await pool.UseAsync(async other => await LinkAsync(other, attempt, cancellationToken), cancellationToken);
        if (outcome != StoreOutcome.Ok)
            return outcome;
        if (session.IsOpen && session.CanSync)
            await SyncAsync(session, handle, attempt, cancellationToken);
        return new StoredObject(SftpNames.LocationOf(settings, attempt.ImageId), size, new Dictionary<string, string>());
    }

    /// <summary>Makes the attempt's file durable.</summary>
    internal static async Task SyncAsync(SftpSession session, byte[] handle, WriteAttempt attempt, CancellationToken cancellationToken)
    {
        var synced = await session.SyncAsync(handle).WaitAsync(cancellationToken);
        if (!synced.IsOk)
            throw Faults.Of(synced.Status, synced.Text, "The image's bytes could not be made durable", attempt.ImageId);
    }

    /// <summary>Ends a writer's lease, and removes what the attempt left unless it was committed. Never throws: what stays is residue.</summary>
    internal async Task ReleaseAsync(SftpSession session, WriteAttempt attempt, byte[] handle, bool committed)
    {
        try
        {
            if (session.IsOpen)
                await session.CloseAsync(handle);
        }
        catch (StoreException)
        {
            // The session ended, and the handle with it.
        }

        pool.Return(session);
        if (committed)
            return;
        try
        {
            using var limit = new CancellationTokenSource(settings.ConnectTimeout + settings.OperationTimeout, context.Time);
            await SettleAsync(attempt, keepCommitted: false, limit.Token);
        }
        catch (Exception exception) when (exception is StoreException or OperationCanceledException or ObjectDisposedException)
        {
            context.Log(StoreLogLevel.Warning, $"'{SftpNames.PartOf(attempt)}' could not be removed and is left as residue: {exception.Message}");
        }
    }

    /// <summary>Whether the server has too little room for some bytes more; false when it does not tell.</summary>
    internal async Task<bool> IsFullAsync(SftpSession session, long bytes, CancellationToken cancellationToken) =>
        await GetFreeAsync(session, cancellationToken) is { } free && free < bytes + SpaceMargin;

    private protected async Task<StoreCapacity> GetSpaceAsync(SftpSession session, CancellationToken cancellationToken)
    {
        var space = await session.GetSpaceAsync(root, cancellationToken);
        return space.IsOk ? space.Value : throw Faults.Of(space.Status, space.Text, $"The room of '{settings.Directory}' is not known");
    }

    private protected ValueTask<StoreCapacity> GetSpaceAsync(CancellationToken cancellationToken) =>
        pool.UseAsync(session => GetSpaceAsync(session, cancellationToken), cancellationToken);

    private async Task<StoreOutcome> LinkAsync(SftpSession session, WriteAttempt attempt, CancellationToken cancellationToken)
    {
        var part = PathOf(SftpNames.PartOf(attempt));
        var linked = await session.LinkAsync(part, PathOf(attempt.ImageId)).WaitAsync(cancellationToken);
        switch (linked.Status)
        {
            case SftpStatus.Ok:
                return StoreOutcome.Ok;
            case SftpStatus.PermissionDenied:
                return StoreOutcome.Denied;
            case SftpStatus.NoSuchFile:
                throw new StoreException(StoreError.Unexpected, "The attempt's file is gone: the attempt was settled meanwhile.", attempt.ImageId);
            default:
                // Our own link of an earlier try whose answer was lost is a success.
                if (await IsTwinAsync(session, attempt, cancellationToken))
                    return StoreOutcome.Ok;
                return (await session.DescribeAsync(PathOf(attempt.ImageId), cancellationToken)).IsOk
                    ? StoreOutcome.Duplicate
                    : await IsFullAsync(session, 0, cancellationToken)
                        ? StoreOutcome.Full
                        : throw Faults.Of(linked.Status, linked.Text, "The image could not be given its name", attempt.ImageId);
        }
    }

    private async Task<bool> ForgetAsync(SftpSession session, WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        var part = SftpNames.PartOf(attempt);
        var described = await session.DescribeAsync(PathOf(part), cancellationToken);
        if (described.Status == SftpStatus.NoSuchFile)
            return true;
        if (!described.IsOk)
            throw Faults.Of(described.Status, described.Text, $"'{part}' could not be examined", attempt.ImageId);

        if (!keepCommitted && await IsTwinAsync(session, attempt, cancellationToken))
            await RemoveAsync(attempt.ImageId);
        await RemoveAsync(part);
        return true;

        async Task RemoveAsync(string name)
        {
            var removed = await session.RemoveAsync(PathOf(name));
            if (removed.Status is not (SftpStatus.Ok or SftpStatus.NoSuchFile))
                throw Faults.Of(removed.Status, removed.Text, $"'{name}' could not be removed", attempt.ImageId);
        }
    }

    // The proof that the part and the object are two names of one file.
    private async Task<bool> IsTwinAsync(SftpSession session, WriteAttempt attempt, CancellationToken cancellationToken)
    {
        var (part, image) = (PathOf(SftpNames.PartOf(attempt)), PathOf(attempt.ImageId));
        var (before, other) = (await session.DescribeAsync(part, cancellationToken), await session.DescribeAsync(image, cancellationToken));
        if (!before.IsOk || !other.IsOk || before.Value != other.Value with { AccessedAt = before.Value.AccessedAt })
            return false;

        var own = before.Value;
        var moved = await session.SetTimesAsync(part, own.AccessedAt, own.ModifiedAt - 1);
        if (!moved.IsOk)
            throw Faults.Of(moved.Status, moved.Text, "Whose the image is could not be found out, because the server forbids to change times", attempt.ImageId);
        try
        {
            var after = await session.DescribeAsync(image, cancellationToken);
            return after.IsOk && after.Value.ModifiedAt == own.ModifiedAt - 1;
        }
        finally
        {
            if (session.IsOpen)
                await session.SetTimesAsync(part, own.AccessedAt, own.ModifiedAt);
        }
    }

    private async Task<long?> GetFreeAsync(SftpSession session, CancellationToken cancellationToken) =>
        session.CanTellSpace ? (await GetSpaceAsync(session, cancellationToken)).Free : null;

    private string PathOf(string name) => $"{root}/{name}";

    private static StoreResult<IByteSource> Expected(SftpStatus status, string text, string what, string location) =>
        Faults.OutcomeOf(status) is { } outcome ? new StoreResult<IByteSource>(outcome, null, text) : throw Faults.Of(status, text, what, location);

    private static StoreException NotPlain(string location) =>
        new(StoreError.InvalidLocation, "The location names a link, directory or device; an image is a regular file.", location);
}

/// <summary>The driver over a server that tells how much room it has.</summary>
internal sealed class MeasuringSftpDriver(SftpSettings settings, SessionPool pool, string root, IStoreContext context)
    : SftpDriver(settings, pool, root, context), IStoreCapacity
{
    public ValueTask<StoreCapacity> GetCapacityAsync(CancellationToken cancellationToken) => GetSpaceAsync(cancellationToken);
}
