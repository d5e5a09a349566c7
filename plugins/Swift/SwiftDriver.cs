using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>
/// One object per image in one container; its name is the image id, and its metadata name the attempt that made it.
/// <para>
/// An image of at most one segment is one PUT, which is its own commit. A larger one is a static large object: segments under
/// <c>.segments/image id/attempt id/</c>, and a manifest under the image id, which is the commit. Before its first segment an attempt stores
/// an empty marker <c>.glance-image id-attempt id</c>; the marker goes when the attempt is settled. Invariants:
/// </para>
/// <list type="bullet">
/// <item>segments that no manifest holds have a marker of their attempt, so the residue is what the markers name;</item>
/// <item>an image's object is removed for an attempt only when its metadata name that attempt; then its segments, the marker last;</item>
/// <item>the server checks the segments of a manifest when it takes it, so a settled attempt with segments cannot commit.</item>
/// </list>
/// </summary>
internal sealed class SwiftDriver(SwiftSettings settings, SwiftConnection connection, IStoreContext context, int mostSegments, long largestObject, bool hasConditionalPut)
    : IStorageDriver
{
    private readonly SegmentBuffers _buffers = new(settings.SegmentSize, settings.SegmentsInFlight + 1);

    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        _ = SwiftNames.MarkerOf(request.Attempt);
        var plan = new SegmentPlan(Math.Min(settings.SegmentSize, largestObject), request.DeclaredSize, mostSegments, largestObject);
        if (request.DeclaredSize is { } declared && !plan.Fits(declared))
            return StoreOutcome.Full;
        var (status, found) = await connection.DescribeAsync(settings.Container, request.Attempt.ImageId, cancellationToken);
        if (found is not null)
            return StoreOutcome.Duplicate;
        if (status == HttpStatusCode.NotFound)
            return new SwiftWriter(this, connection, settings, plan, _buffers, request, context.Time);
        return SwiftConnection.OutcomeOf(status) ?? throw Odd(status, "The image's name could not be examined", request.Attempt.ImageId);
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var (container, name) = SwiftNames.Parse(settings, location);
        var (status, facts) = await connection.DescribeAsync(container, name, cancellationToken);
        if (facts is not null)
            return new SwiftSource(connection, container, name, facts);
        if (status == HttpStatusCode.NotFound)
            await ThrowIfContainerIsGoneAsync(container, cancellationToken);
        return SwiftConnection.OutcomeOf(status) ?? throw Odd(status, "The image could not be opened", name);
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        var (container, name) = SwiftNames.Parse(settings, location);
        var (status, facts) = await connection.DescribeAsync(container, name, cancellationToken);
        if (facts is not null)
            return await RemoveObjectAsync(container, name, facts, cancellationToken);
        if (status == HttpStatusCode.NotFound)
            await ThrowIfContainerIsGoneAsync(container, cancellationToken);
        return SwiftConnection.OutcomeOf(status) ?? throw Odd(status, "The image could not be deleted", name);
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var found in connection.ListAsync(settings.Container, SwiftNames.MarkerPrefix, cancellationToken))
        {
            if (SwiftNames.TryParseMarker(found.Name, out var attempt))
                yield return new Residue(attempt, $"{settings.Container}/{found.Name}", Size: null, found.ModifiedAt);
        }
    }

    public async ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        var marker = SwiftNames.MarkerOf(attempt);
        var (status, own) = await connection.DescribeAsync(settings.Container, attempt.ImageId, cancellationToken);
        if (own is null && status != HttpStatusCode.NotFound)
            throw Odd(status, "The image's name could not be examined", attempt.ImageId);
        var isOurs = own?.AttemptId == attempt.AttemptId;
        if (isOurs && !keepCommitted)
        {
            var outcome = await RemoveObjectAsync(settings.Container, attempt.ImageId, own!, cancellationToken);
            if (outcome is not (StoreOutcome.Ok or StoreOutcome.Absent))
                throw new StoreException(StoreError.Misconfigured, "The object of an unfinished attempt may not be deleted.", attempt.ImageId);
            isOurs = false;
        }

        // Segments of an object that stays are its bytes.
        if (!isOurs)
        {
            await foreach (var segment in connection.ListAsync(settings.Container, SwiftNames.SegmentsOf(attempt), cancellationToken))
                await connection.RemoveAsync(settings.Container, segment.Name, cancellationToken);
        }

        await connection.RemoveAsync(settings.Container, marker, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        connection.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Commits an image of one segment. Repeatable.</summary>
    internal async Task<StoreResult<StoredObject>> PublishAsync(WriteAttempt attempt, MemorySegment body, CancellationToken cancellationToken)
    {
        if (!hasConditionalPut && await FindAsync(attempt, body.Length, cancellationToken) is { } already)
            return already;
        using var answer = await connection.SendAsync(
            HttpMethod.Put,
            SwiftConnection.PathOf(settings.Container, attempt.ImageId),
            request => Prepare(request, attempt, body.ToContent()),
            cancellationToken);
        if (answer.IsSuccessStatusCode)
            return Stored(attempt, body.Length);

        // Our own PUT of an earlier try, of which the answer was lost, is a success.
        if (answer.StatusCode == HttpStatusCode.PreconditionFailed && await FindAsync(attempt, body.Length, cancellationToken) is { } found)
            return found;
        return Refused(connection, answer, "The image could not be stored", attempt);
    }

    /// <summary>Commits an image of segments. Repeatable.</summary>
    internal async Task<StoreResult<StoredObject>> PublishAsync(WriteAttempt attempt, IReadOnlyList<StoredSegment> segments, long size, CancellationToken cancellationToken)
    {
        if (await FindAsync(attempt, size, cancellationToken) is { } already)
            return already;
        var manifest = new JsonArray([.. segments.Select(segment => new JsonObject
        {
            ["path"] = Uri.UnescapeDataString(segment.Path),
            ["etag"] = segment.ETag.Length > 0 ? segment.ETag : null,
            ["size_bytes"] = segment.Size,
        })]);
        var json = JsonSerializer.SerializeToUtf8Bytes(manifest);
        using var answer = await connection.SendAsync(
            HttpMethod.Put,
            SwiftConnection.PathOf(settings.Container, attempt.ImageId) + "?multipart-manifest=put",
            request => Prepare(request, attempt, new ByteArrayContent(json)),
            cancellationToken);

        // Also after a success: what the registry records is what can be read, with all its bytes.
        if ((answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.PreconditionFailed) && await FindAsync(attempt, size, cancellationToken) is { } found)
            return found;
        if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Conflict or HttpStatusCode.NotFound)
            throw new StoreException(StoreError.Unexpected, "The server does not take the manifest: segments are missing, so the attempt was settled meanwhile.", attempt.ImageId);
        return Refused(connection, answer, "The manifest could not be stored", attempt);
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
            context.Log(StoreLogLevel.Warning, $"The attempt '{SwiftNames.MarkerOf(attempt)}' could not be cleaned up and is left as residue: {exception.Message}");
        }
    }

    /// <summary>A refusal in the middle of a write, as an outcome or a fault.</summary>
    internal static StoreResult<StoredObject> Refused(SwiftConnection connection, HttpResponseMessage answer, string what, WriteAttempt attempt) =>
        SwiftConnection.OutcomeOf(answer.StatusCode) is { } outcome and (StoreOutcome.Denied or StoreOutcome.Full)
            ? outcome
            : throw new StoreException(connection.FaultOf(answer, what).Error, connection.FaultOf(answer, what).Message, attempt.ImageId);

    private void Prepare(HttpRequestMessage request, WriteAttempt attempt, HttpContent content)
    {
        request.Content = content;
        content.Headers.TryAddWithoutValidation("Content-Type", "application/octet-stream");
        request.Headers.TryAddWithoutValidation(SwiftConnection.AttemptHeader, attempt.AttemptId);
        if (hasConditionalPut)
            request.Headers.TryAddWithoutValidation("If-None-Match", "*");
    }

    // The object under the image's name: ours, another's, or none.
    private async Task<StoreResult<StoredObject>?> FindAsync(WriteAttempt attempt, long size, CancellationToken cancellationToken)
    {
        var (status, facts) = await connection.DescribeAsync(settings.Container, attempt.ImageId, cancellationToken);
        if (facts is null)
            return status == HttpStatusCode.NotFound ? null : throw Odd(status, "The image's name could not be examined", attempt.ImageId);
        if (facts.AttemptId != attempt.AttemptId)
            return StoreOutcome.Duplicate;
        return facts.Length == size
            ? Stored(attempt, size)
            : throw new StoreException(StoreError.Corrupt, $"The stored object has {facts.Length} bytes instead of {size}.", attempt.ImageId);
    }

    private StoredObject Stored(WriteAttempt attempt, long size) => new(SwiftNames.LocationOf(settings, attempt.ImageId), size, new Dictionary<string, string>());

    private async Task<StoreOutcome> RemoveObjectAsync(string container, string name, ObjectFacts facts, CancellationToken cancellationToken)
    {
        // Upstream's dynamic large objects: the segments that the manifest names, if they can be nobody else's.
        if (facts.Manifest is { } manifest && Uri.UnescapeDataString(manifest).Split('/', 2) is [var place, var prefix])
        {
            if (place == container && prefix.StartsWith(name, StringComparison.Ordinal))
            {
                await foreach (var segment in connection.ListAsync(container, prefix, cancellationToken))
                    await connection.RemoveAsync(container, segment.Name, cancellationToken);
            }
            else
            {
                context.Log(StoreLogLevel.Warning, $"The segments of '{container}/{name}' lie elsewhere, in '{manifest}', and are left there.");
            }
        }

        using var response = await connection.SendAsync(
            HttpMethod.Delete,
            SwiftConnection.PathOf(container, name) + (facts.IsStaticLarge ? "?multipart-manifest=delete" : ""),
            request => request.Headers.TryAddWithoutValidation("Accept", "application/json"),
            cancellationToken);
        if (!response.IsSuccessStatusCode)
            return SwiftConnection.OutcomeOf(response.StatusCode) is { } outcome and (StoreOutcome.Absent or StoreOutcome.Denied) ? outcome : throw connection.FaultOf(response, "The image could not be deleted");
        if (facts.IsStaticLarge)
            await CheckBulkAsync(response, name, cancellationToken);
        return StoreOutcome.Ok;
    }

    // The deletion of a large object answers 200 whatever happened; the body tells. The manifest goes last, so that it can be repeated.
    private static async Task CheckBulkAsync(HttpResponseMessage response, string name, CancellationToken cancellationToken)
    {
        JsonNode? report;
        try
        {
            report = JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
        }
        catch (JsonException)
        {
            return;
        }

        var status = report?["Response Status"]?.GetValue<string>() ?? "200";
        if (!status.StartsWith("200", StringComparison.Ordinal) && !status.StartsWith("404", StringComparison.Ordinal))
            throw new StoreException(StoreError.Unavailable, $"The image could not be deleted whole ({status[..3]}); the rest is deleted when it is tried again.", name);
    }

    // A container that is gone must never look like an image that is gone, which would let the registry forget it.
    private async Task ThrowIfContainerIsGoneAsync(string container, CancellationToken cancellationToken)
    {
        using var response = await connection.SendAsync(HttpMethod.Head, $"/{Uri.EscapeDataString(container)}", null, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound && container == settings.Container)
            throw new StoreException(StoreError.Misconfigured, $"The container '{container}' is gone.");
    }

    private static StoreException Odd(HttpStatusCode status, string what, string key) =>
        new((int)status is 401 or 403 ? StoreError.Misconfigured : StoreError.Unexpected, $"{what}: the server answered {(int)status}.", key);
}
