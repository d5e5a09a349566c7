using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>
/// One object per image in one bucket; the key is the image id, and the object's metadata name the attempt that made it.
/// <para>
/// An image of at most one part is one PUT, which is its own commit. A larger one is a multipart upload, which nobody sees before it is
/// completed. Since a list of uploads tells no metadata, an attempt first stores an empty marker <c>.glance-&lt;image id&gt;-&lt;attempt id&gt;</c>,
/// then starts its upload, then stores the upload's id in the marker; the marker goes when the attempt is settled. Invariants:
/// </para>
/// <list type="bullet">
/// <item>an upload never exists without a marker of its attempt, so the residue is what the markers name;</item>
/// <item>an image's object is removed for an attempt only when its metadata name that attempt, and the marker goes last;</item>
/// <item>a completed or aborted upload cannot be completed, so a settled attempt with parts cannot commit.</item>
/// </list>
/// <para>
/// What a crash leaves: before the upload starts, a marker; between its start and the second write of the marker, an upload without parts
/// that no marker names; later, marker and upload; after the completion, marker and object. The nameless upload is found by exclusion: once no
/// other attempt at the image has a marker, every upload of its key is dead and is aborted. The uploads are listed before the markers, so one
/// that starts meanwhile is either not in the first list or has its marker in the second. A single PUT leaves no marker, only its object:
/// it is told by its metadata when the registry settles the attempt, which it recorded before the first byte.
/// </para>
/// </summary>
internal sealed class S3Driver(S3Settings settings, S3Connection connection, IStoreContext context, bool hasConditionalPut) : IStorageDriver
{
    private readonly PartBuffers buffers = new(settings.PartSize, settings.PartsInFlight + 1, context.ScratchDirectory);
    private volatile bool refusesConditionalComplete;

    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        _ = S3Names.MarkerOf(request.Attempt);
        if (request.DeclaredSize is { } declared && !PartPlan.Fits(declared))
            return StoreOutcome.Full;
        var found = await connection.DescribeAsync(request.Attempt.ImageId, cancellationToken);
        if (found.IsOk)
            return StoreOutcome.Duplicate;
        return found.Refusal.Kind switch
        {
            RefusalKind.Absent => new S3Writer(this, connection, settings, buffers, request),
            RefusalKind.Denied => new StoreResult<IStoreWriter>(StoreOutcome.Denied, null, found.Refusal.Text),
            _ => throw found.Refusal.ToFault("The image's key could not be examined", request.Attempt.ImageId),
        };
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var key = S3Names.KeyIn(settings, location);
        var found = await connection.DescribeAsync(key, cancellationToken);
        if (found.IsOk)
            return new S3Source(settings, connection, key, found.Value);
        await ThrowIfBucketIsGoneAsync(found.Refusal, cancellationToken);
        return found.Refusal.Outcome is { } outcome
            ? new StoreResult<IByteSource>(outcome, null, found.Refusal.Text)
            : throw found.Refusal.ToFault("The image could not be opened", key);
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        // S3 answers the deletion of what is not there as any other, so it takes a look first to tell Absent.
        var key = S3Names.KeyIn(settings, location);
        var found = await connection.DescribeAsync(key, cancellationToken);
        var refusal = found.IsOk ? (await connection.DeleteAsync(key, cancellationToken)).Refusal : found.Refusal;
        if (refusal is null)
            return StoreOutcome.Ok;
        await ThrowIfBucketIsGoneAsync(refusal, cancellationToken);
        return refusal.Outcome ?? throw refusal.ToFault("The image could not be deleted", key);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var found in connection.ListAsync(S3Names.MarkerPrefix, cancellationToken))
        {
            if (S3Names.TryParseMarker(found.Key, out var attempt))
                yield return new Residue(attempt, $"{settings.Bucket}/{found.Key}", Size: null, found.LastModified is { } time ? new DateTimeOffset(time.ToUniversalTime()) : null);
        }
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        var marker = S3Names.MarkerOf(attempt);
        var uploadId = await connection.GetTextAsync(marker, cancellationToken);
        if (!uploadId.IsOk && uploadId.Refusal.Kind != RefusalKind.Absent)
            throw uploadId.Refusal.ToFault("The attempt's marker could not be read", attempt.ImageId);

        // The upload goes before the object is looked for: from then on none can appear.
        if (uploadId.IsOk)
        {
            if (uploadId.Value.Length > 0)
                await AbortAsync(attempt.ImageId, uploadId.Value, cancellationToken);
            await AbortNamelessAsync(attempt, cancellationToken);
        }

        if (!keepCommitted)
            await DeleteOwnAsync(attempt, cancellationToken);
        if (uploadId.IsOk)
            await RemoveAsync(marker, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        connection.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Commits an image of one part. Repeatable.</summary>
    internal async Task<StoreResult<StoredObject>> PublishAsync(WriteAttempt attempt, Part part, CancellationToken cancellationToken)
    {
        if (!hasConditionalPut && await FindAsync(attempt, part.Length, cancellationToken) is { } already)
            return already;
        var answer = await connection.PutAsync(attempt, part, hasConditionalPut, cancellationToken);
        if (answer.IsOk)
            return Stored(attempt, part.Length);

        // Our own PUT of an earlier try, of which the answer was lost, is a success.
        if (answer.Refusal.Kind == RefusalKind.Condition && await FindAsync(attempt, part.Length, cancellationToken) is { } found)
            return found;
        return Refused(answer.Refusal, "The image could not be stored", attempt);
    }

    /// <summary>Commits an image of many parts. Repeatable.</summary>
    internal async Task<StoreResult<StoredObject>> PublishAsync(
        WriteAttempt attempt, string uploadId, IReadOnlyList<string> etags, long size, CancellationToken cancellationToken)
    {
        // Servers that ignore the condition at the completion (RadosGW before Tentacle) are the reason for the look before.
        if (await FindAsync(attempt, size, cancellationToken) is { } already)
            return already;
        var answer = await connection.CompleteUploadAsync(attempt.ImageId, uploadId, etags, !refusesConditionalComplete, cancellationToken);
        if (answer.Refusal?.Kind == RefusalKind.NotImplemented && !refusesConditionalComplete)
        {
            refusesConditionalComplete = true;
            answer = await connection.CompleteUploadAsync(attempt.ImageId, uploadId, etags, onlyIfAbsent: false, cancellationToken);
        }

        if (answer.Refusal is { Kind: not (RefusalKind.Condition or RefusalKind.NoUpload) } refused)
            return Refused(refused, "The upload could not be completed", attempt);

        // Also after a success: what the registry records is what can be read, with all its bytes.
        if (await FindAsync(attempt, size, cancellationToken) is { } found)
            return found;
        throw answer.Refusal?.Kind == RefusalKind.NoUpload
            ? new StoreException(StoreError.Unexpected, "The upload is gone: the attempt was settled meanwhile.", attempt.ImageId)
            : answer.Refusal?.ToFault("The upload could not be completed", attempt.ImageId)
                ?? new StoreException(StoreError.Unexpected, "The server completed the upload, but has no object.", attempt.ImageId);
    }

    /// <summary>Removes what an attempt left. Never throws: what stays is residue.</summary>
    internal async Task ReleaseAsync(WriteAttempt attempt)
    {
        try
        {
            using var limit = new CancellationTokenSource(settings.OperationTimeout, context.Time);
            await SettleAsync(attempt, keepCommitted: false, limit.Token);
        }
        catch (Exception exception) when (exception is StoreException or OperationCanceledException or ObjectDisposedException)
        {
            context.Log(StoreLogLevel.Warning, $"The attempt '{S3Names.MarkerOf(attempt)}' could not be cleaned up and is left as residue: {exception.Message}");
        }
    }

    /// <summary>A refusal in the middle of a write, as an outcome or a fault.</summary>
    internal static StoreResult<StoredObject> Refused(Refusal refusal, string what, WriteAttempt attempt) => refusal.Kind is RefusalKind.Denied or RefusalKind.Full
        ? new StoreResult<StoredObject>(refusal.Outcome!.Value, null, refusal.Text)
        : throw refusal.ToFault(what, attempt.ImageId);

    // The object under the image's key: ours, another's, or none.
    private async Task<StoreResult<StoredObject>?> FindAsync(WriteAttempt attempt, long size, CancellationToken cancellationToken)
    {
        var found = await connection.DescribeAsync(attempt.ImageId, cancellationToken);
        if (found.Refusal?.Kind == RefusalKind.Absent)
            return null;
        var facts = found.OrFault("The image's key could not be examined", attempt.ImageId);
        if (facts.AttemptId != attempt.AttemptId)
            return StoreOutcome.Duplicate;
        return facts.Length == size
            ? Stored(attempt, size)
            : throw new StoreException(StoreError.Corrupt, $"The stored object has {facts.Length} bytes instead of {size}.", attempt.ImageId);
    }

    private StoredObject Stored(WriteAttempt attempt, long size) => new(S3Names.LocationOf(settings, attempt.ImageId), size, new Dictionary<string, string>());

    private async Task DeleteOwnAsync(WriteAttempt attempt, CancellationToken cancellationToken)
    {
        var found = await connection.DescribeAsync(attempt.ImageId, cancellationToken);
        if (found.Refusal?.Kind == RefusalKind.Absent)
            return;
        if (found.OrFault("The image's key could not be examined", attempt.ImageId).AttemptId == attempt.AttemptId)
            await RemoveAsync(attempt.ImageId, cancellationToken);
    }

    private async Task AbortNamelessAsync(WriteAttempt attempt, CancellationToken cancellationToken)
    {
        var uploads = await connection.ListUploadsAsync(attempt.ImageId, cancellationToken);
        if (uploads.Count == 0)
            return;
        await foreach (var marker in connection.ListAsync(S3Names.MarkersOf(attempt.ImageId), cancellationToken))
        {
            if (S3Names.TryParseMarker(marker.Key, out var other) && other != attempt)
                return;
        }

        foreach (var upload in uploads)
            await AbortAsync(attempt.ImageId, upload, cancellationToken);
    }

    private async Task AbortAsync(string key, string uploadId, CancellationToken cancellationToken)
    {
        var aborted = await connection.AbortUploadAsync(key, uploadId, cancellationToken);
        if (aborted.Refusal is { Kind: not (RefusalKind.NoUpload or RefusalKind.Absent) } refused)
            throw refused.ToFault("The unfinished upload could not be aborted", key);
    }

    private async Task RemoveAsync(string key, CancellationToken cancellationToken)
    {
        var removed = await connection.DeleteAsync(key, cancellationToken);
        if (removed.Refusal is { Kind: not RefusalKind.Absent } refused)
            throw refused.ToFault($"'{key}' could not be deleted", key);
    }

    // HEAD answers 404 for both, without a code.
    private async Task ThrowIfBucketIsGoneAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        if (refusal.Kind == RefusalKind.Absent && (await connection.ProbeBucketAsync(cancellationToken)).Refusal is { IsBucketMissing: true } gone)
            throw gone.ToFault("The store is gone");
    }
}
