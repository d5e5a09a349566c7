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
/// <para>
/// With <c>multi_tenant</c> an image lies in the account of its project (<see cref="SwiftTenants"/>). Then every attempt has a marker, from
/// its beginning; it stays in the store's one container, in our own account, and names the project, so that residue is found without
/// walking accounts. The image's own container goes with the image, or with the last attempt at it; an attempt that was settled finds no
/// container and cannot commit. Names in a project's account are never followed to other objects (<see cref="SourceSegments"/>).
/// </para>
/// </summary>
internal sealed class SwiftDriver(
    SwiftSettings settings, SwiftConnection connection, SwiftTenants? tenants, IStoreContext context, int mostSegments, long largestObject, bool hasConditionalPut)
    : IStorageDriver
{
    private const int MostSettlingTries = 5;

    private readonly SegmentBuffers _buffers = new(settings.SegmentSize, settings.SegmentsInFlight + 1);

    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        _ = SwiftNames.MarkerOf(request.Attempt);
        var plan = new SegmentPlan(Math.Min(settings.SegmentSize, largestObject), request.DeclaredSize, mostSegments, largestObject);
        if (request.DeclaredSize is { } declared && !plan.Fits(declared))
            return StoreOutcome.Full;
        var place = tenants?.PlaceOf(request.ProjectId, request.Attempt.ImageId) ?? PlaceOf(request.Attempt.ImageId);
        var (status, found) = await place.Connection.DescribeAsync(place.Container, place.Name, cancellationToken);
        if (found is not null)
            return StoreOutcome.Duplicate;
        if (status != HttpStatusCode.NotFound)
            return OutcomeOf(place, status) ?? throw Odd(status, "The image's name could not be examined", place.Name);
        if (place.Project is not null && await PrepareAsync(place, request.Attempt, cancellationToken) is var outcome and not StoreOutcome.Ok)
            return outcome;
        return new SwiftWriter(this, place, isMarked: place.Project is not null, settings, plan, _buffers, request, context.Time);
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        var place = Find(location);
        var (status, facts) = await place.Connection.DescribeAsync(place.Container, place.Name, cancellationToken);
        if (facts is null)
        {
            await ThrowIfContainerIsGoneAsync(place, status, cancellationToken);
            return OutcomeOf(place, status) ?? throw Odd(status, "The image could not be opened", place.Name);
        }

        if (place.Project is null || (!facts.IsStaticLarge && facts.Manifest is null && !facts.IsLink))
            return new SwiftSource(place, facts);
        if (facts.IsLink)
            throw new StoreException(StoreError.Corrupt, $"In the account of project '{place.Project}' a symbolic link stands where the image was, and is not followed.", place.Name);
        return await SourceSegments.ResolveAsync(place, facts, cancellationToken) is var (whole, segments) ? new SwiftSource(place, whole, segments) : StoreOutcome.Absent;
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        var place = Find(location);
        var (status, facts) = await place.Connection.DescribeAsync(place.Container, place.Name, cancellationToken);
        await ThrowIfContainerIsGoneAsync(place, status, cancellationToken);
        var outcome = facts is not null
            ? await RemoveObjectAsync(place, facts, cancellationToken)
            : OutcomeOf(place, status) ?? throw Odd(status, "The image could not be deleted", place.Name);

        // Also when the object is gone: an earlier call may have come as far as that.
        if (place.Project is not null && outcome is StoreOutcome.Ok or StoreOutcome.Absent && !await RemoveContainerAsync(place, attempt: null, cancellationToken))
            WarnOfContents(place);
        return outcome;
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
        var place = PlaceOf(attempt.ImageId);
        if (tenants is not null)
        {
            var (marked, facts) = await connection.DescribeAsync(settings.Container, marker, cancellationToken);
            if (marked == HttpStatusCode.NotFound)
            {
                await ThrowIfContainerIsGoneAsync(place, marked, cancellationToken);
                return;
            }

            // A marker of no project is of the time before multi_tenant.
            if (facts is null)
                throw Odd(marked, "The attempt's marker could not be examined", attempt.ImageId);
            if (facts.Project is { } project)
                place = tenants.PlaceOf(project, attempt.ImageId);
        }

        await SettleAsync(place, attempt, keepCommitted, cancellationToken);
    }

    private async Task SettleAsync(ImagePlace place, WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        var (status, own) = await place.Connection.DescribeAsync(place.Container, place.Name, cancellationToken);
        if (own is null && status != HttpStatusCode.NotFound)
            throw Odd(status, "The image's name could not be examined", attempt.ImageId);
        var isOurs = own?.AttemptId == attempt.AttemptId;
        if (isOurs && !keepCommitted)
        {
            var outcome = await RemoveObjectAsync(place, own!, cancellationToken);
            if (outcome is not (StoreOutcome.Ok or StoreOutcome.Absent))
                throw new StoreException(StoreError.Misconfigured, "The object of an unfinished attempt may not be deleted.", attempt.ImageId);
            (isOurs, own) = (false, null);
        }

        // Segments of an object that stays are its bytes. While they are removed another may arrive that was on its way: it is seen by that the
        // container cannot go. Were the marker removed then, nobody would look for that segment again.
        for (var tries = 1; ; tries++)
        {
            var isClean = isOurs || await RemoveSegmentsAsync(place, attempt, cancellationToken) == 0;
            if (place.Project is null || own is not null || await RemoveContainerAsync(place, attempt, cancellationToken))
                break;
            if (isClean && tries > 1)
            {
                WarnOfContents(place);
                break;
            }

            if (tries == MostSettlingTries)
                throw new StoreException(StoreError.Unavailable, "Segments of the attempt keep arriving; it can be settled when they have.", attempt.ImageId);
        }

        await connection.RemoveAsync(settings.Container, SwiftNames.MarkerOf(attempt), cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        connection.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Commits an image of one segment. Repeatable.</summary>
    internal async Task<StoreResult<StoredObject>> PublishAsync(ImagePlace place, WriteAttempt attempt, MemorySegment body, CancellationToken cancellationToken)
    {
        if (!hasConditionalPut && await FindAsync(place, attempt, body.Length, cancellationToken) is { } already)
            return already;
        using var answer = await place.Connection.SendAsync(
            HttpMethod.Put,
            SwiftConnection.PathOf(place.Container, place.Name),
            request => Prepare(request, attempt, body.ToContent()),
            cancellationToken);
        if (answer.IsSuccessStatusCode)
            return Stored(place, body.Length);

        // Our own PUT of an earlier try, of which the answer was lost, is a success.
        if (answer.StatusCode == HttpStatusCode.PreconditionFailed && await FindAsync(place, attempt, body.Length, cancellationToken) is { } found)
            return found;
        return Refused(place.Connection, answer, "The image could not be stored", attempt);
    }

    /// <summary>Commits an image of segments. Repeatable.</summary>
    internal async Task<StoreResult<StoredObject>> PublishAsync(ImagePlace place, WriteAttempt attempt, IReadOnlyList<StoredSegment> segments, long size, CancellationToken cancellationToken)
    {
        if (await FindAsync(place, attempt, size, cancellationToken) is { } already)
            return already;
        var manifest = new JsonArray([.. segments.Select(segment => new JsonObject
        {
            ["path"] = Uri.UnescapeDataString(segment.Path),
            ["etag"] = segment.ETag.Length > 0 ? segment.ETag : null,
            ["size_bytes"] = segment.Size,
        })]);
        var json = JsonSerializer.SerializeToUtf8Bytes(manifest);
        using var answer = await place.Connection.SendAsync(
            HttpMethod.Put,
            SwiftConnection.PathOf(place.Container, place.Name) + "?multipart-manifest=put",
            request => Prepare(request, attempt, new ByteArrayContent(json)),
            cancellationToken);

        // Also after a success: what the registry records is what can be read, with all its bytes.
        if ((answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.PreconditionFailed) && await FindAsync(place, attempt, size, cancellationToken) is { } found)
            return found;
        if (answer.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Conflict or HttpStatusCode.NotFound)
            throw new StoreException(StoreError.Unexpected, "The server does not take the manifest: segments are missing, so the attempt was settled meanwhile.", attempt.ImageId);
        return Refused(place.Connection, answer, "The manifest could not be stored", attempt);
    }

    /// <summary>Removes what an attempt left. Never throws: what stays is residue.</summary>
    /// <remarks>At its place, and not where its marker says: when it was settled meanwhile there is none, and segments that arrived since would stay.</remarks>
    internal async Task ReleaseAsync(ImagePlace place, WriteAttempt attempt)
    {
        try
        {
            using var limit = new CancellationTokenSource(settings.OperationTimeout, context.Time);
            await SettleAsync(place, attempt, keepCommitted: false, limit.Token);
        }
        catch (Exception exception) when (exception is StoreException or OperationCanceledException or ObjectDisposedException)
        {
            context.Log(StoreLogLevel.Warning, $"The attempt '{SwiftNames.MarkerOf(attempt)}' could not be cleaned up and is left as residue: {exception.Message}");
        }
    }

    /// <summary>A refusal in the middle of a write, as an outcome or a fault.</summary>
    internal static StoreResult<StoredObject> Refused(SwiftConnection connection, HttpResponseMessage answer, string what, WriteAttempt attempt)
    {
        if (connection.IsOfProject && answer.StatusCode == HttpStatusCode.NotFound)
            throw new StoreException(StoreError.Unavailable, $"{what}: the image's container is gone, because the attempt was settled or a member of the project removed it.", attempt.ImageId);
        return SwiftConnection.OutcomeOf(answer.StatusCode) is { } outcome and (StoreOutcome.Denied or StoreOutcome.Full)
            ? outcome
            : throw new StoreException(connection.FaultOf(answer, what).Error, connection.FaultOf(answer, what).Message, attempt.ImageId);
    }

    /// <summary>Stores an attempt's marker.</summary>
    /// <param name="attempt">Whose.</param>
    /// <param name="project">The project in whose account it works; null for the store's container.</param>
    /// <param name="cancellationToken">Ends it.</param>
    internal async Task<StoreOutcome> MarkAsync(WriteAttempt attempt, string? project, CancellationToken cancellationToken)
    {
        using var answer = await connection.SendAsync(
            HttpMethod.Put,
            SwiftConnection.PathOf(settings.Container, SwiftNames.MarkerOf(attempt)),
            request =>
            {
                request.Content = new ByteArrayContent([]);
                if (project is not null)
                    request.Headers.TryAddWithoutValidation(SwiftConnection.ProjectHeader, project);
            },
            cancellationToken);
        return answer.IsSuccessStatusCode ? StoreOutcome.Ok : Refused(connection, answer, "The attempt's marker could not be stored", attempt).Outcome;
    }

    // First the marker, which must be there before anything in the project's account.
    private async Task<StoreOutcome> PrepareAsync(ImagePlace place, WriteAttempt attempt, CancellationToken cancellationToken)
    {
        var outcome = await MarkAsync(attempt, place.Project, cancellationToken);
        if (outcome != StoreOutcome.Ok)
            return outcome;
        try
        {
            using var made = await place.Connection.SendAsync(HttpMethod.Put, $"/{Uri.EscapeDataString(place.Container)}", Allow, cancellationToken);
            if (made.IsSuccessStatusCode)
                return StoreOutcome.Ok;
            outcome = made.StatusCode == HttpStatusCode.NotFound
                ? throw new StoreException(StoreError.Misconfigured, $"Project '{place.Project}' has no Swift account, and the cluster makes none by itself (account_autocreate).", place.Name)
                : OutcomeOf(place, made.StatusCode) ?? throw place.Connection.FaultOf(made, "The image's container could not be made");
        }
        catch
        {
            await ReleaseAsync(place, attempt);
            throw;
        }

        await ReleaseAsync(place, attempt);
        return outcome;

        void Allow(HttpRequestMessage request)
        {
            request.Content = new ByteArrayContent([]);
            if (settings.AdminTenants.Count == 0)
                return;
            var all = string.Join(',', settings.AdminTenants.Select(tenant => $"{tenant}:*"));
            request.Headers.TryAddWithoutValidation("X-Container-Read", all);
            request.Headers.TryAddWithoutValidation("X-Container-Write", all);
        }
    }

    private static async Task<int> RemoveSegmentsAsync(ImagePlace place, WriteAttempt attempt, CancellationToken cancellationToken)
    {
        var removed = 0;
        await foreach (var segment in place.Connection.ListAsync(place.Container, SwiftNames.SegmentsOf(attempt), cancellationToken))
        {
            await place.Connection.RemoveAsync(place.Container, segment.Name, cancellationToken);
            removed++;
        }

        return removed;
    }

    // Of an attempt that others of the image follow, the container is theirs. False when something is in it.
    private async Task<bool> RemoveContainerAsync(ImagePlace place, WriteAttempt? attempt, CancellationToken cancellationToken)
    {
        await foreach (var found in connection.ListAsync(settings.Container, SwiftNames.MarkersOf(place.Name), cancellationToken))
        {
            if (SwiftNames.TryParseMarker(found.Name, out var other) && other != attempt)
                return true;
        }

        using var answer = await place.Connection.SendAsync(HttpMethod.Delete, $"/{Uri.EscapeDataString(place.Container)}", null, cancellationToken);
        if (answer.StatusCode == HttpStatusCode.Conflict)
            return false;
        if (!answer.IsSuccessStatusCode && answer.StatusCode != HttpStatusCode.NotFound)
            throw place.Connection.FaultOf(answer, $"Container '{place.Container}' of project '{place.Project}' could not be deleted");
        return true;
    }

    private void WarnOfContents(ImagePlace place) =>
        context.Log(StoreLogLevel.Warning, $"Container '{place.Container}' of project '{place.Project}' stays: it holds objects that are not of the image, or is not up to date.");

    // In a project's account nothing is denied to us, or the role is gone.
    private static StoreOutcome? OutcomeOf(ImagePlace place, HttpStatusCode status) =>
        place.Project is not null && status is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized
            ? throw new StoreException(StoreError.Misconfigured, $"The account of project '{place.Project}' is closed to us: {SwiftTenants.RoleNeeded}.", place.Name)
            : SwiftConnection.OutcomeOf(status);

    private void Prepare(HttpRequestMessage request, WriteAttempt attempt, HttpContent content)
    {
        request.Content = content;
        content.Headers.TryAddWithoutValidation("Content-Type", "application/octet-stream");
        request.Headers.TryAddWithoutValidation(SwiftConnection.AttemptHeader, attempt.AttemptId);
        if (hasConditionalPut)
            request.Headers.TryAddWithoutValidation("If-None-Match", "*");
    }

    // The object under the image's name: ours, another's, or none.
    private static async Task<StoreResult<StoredObject>?> FindAsync(ImagePlace place, WriteAttempt attempt, long size, CancellationToken cancellationToken)
    {
        var (status, facts) = await place.Connection.DescribeAsync(place.Container, place.Name, cancellationToken);
        if (facts is null)
            return status == HttpStatusCode.NotFound ? null : throw Odd(status, "The image's name could not be examined", attempt.ImageId);
        if (facts.AttemptId != attempt.AttemptId)
            return StoreOutcome.Duplicate;
        return facts.Length == size
            ? Stored(place, size)
            : throw new StoreException(StoreError.Corrupt, $"The stored object has {facts.Length} bytes instead of {size}.", attempt.ImageId);
    }

    private static StoredObject Stored(ImagePlace place, long size) => new(place.Location, size, new Dictionary<string, string>());

    private ImagePlace PlaceOf(string name) => new(connection, settings.Container, name, SwiftNames.LocationOf(settings, name), Project: null);

    // What was stored before multi_tenant, or by an upstream without it, is in our own account and stays readable.
    private ImagePlace Find(string location)
    {
        if (tenants?.Find(location) is { } found)
            return found;
        var (container, name) = SwiftNames.Parse(settings, location);
        return new ImagePlace(connection, container, name, location, Project: null);
    }

    private async Task<StoreOutcome> RemoveObjectAsync(ImagePlace place, ObjectFacts facts, CancellationToken cancellationToken)
    {
        // Upstream's dynamic large objects: the segments that the manifest names, if they can be nobody else's.
        if (facts.Manifest is { } manifest)
        {
            if (SourceSegments.OwnPrefixIn(place.Container, place.Name, manifest) is { } prefix)
            {
                await foreach (var segment in place.Connection.ListAsync(place.Container, prefix, cancellationToken))
                    await place.Connection.RemoveAsync(place.Container, segment.Name, cancellationToken);
            }
            else
            {
                context.Log(StoreLogLevel.Warning, $"The segments of '{place.Container}/{place.Name}' lie elsewhere, in '{manifest}', and are left there.");
            }
        }

        // The server's own removal would follow a manifest out of the container.
        var isRemovedByServer = facts.IsStaticLarge && place.Project is null;
        if (facts.IsStaticLarge && !isRemovedByServer)
            await RemoveSegmentsAsync(place, cancellationToken);
        using var response = await place.Connection.SendAsync(
            HttpMethod.Delete,
            SwiftConnection.PathOf(place.Container, place.Name) + (isRemovedByServer ? "?multipart-manifest=delete" : ""),
            request => request.Headers.TryAddWithoutValidation("Accept", "application/json"),
            cancellationToken);
        if (!response.IsSuccessStatusCode)
            return OutcomeOf(place, response.StatusCode) is { } outcome and (StoreOutcome.Absent or StoreOutcome.Denied) ? outcome : throw place.Connection.FaultOf(response, "The image could not be deleted");
        if (isRemovedByServer)
            await CheckBulkAsync(response, place.Name, cancellationToken);
        return StoreOutcome.Ok;
    }

    private async Task RemoveSegmentsAsync(ImagePlace place, CancellationToken cancellationToken)
    {
        var container = $"/{place.Container}/";
        var (_, entries) = await SourceSegments.ReadAsync(place, cancellationToken);
        if (entries.Any(entry => !entry.Path.StartsWith(container, StringComparison.Ordinal)))
            context.Log(StoreLogLevel.Warning, $"The manifest of '{place.Container}/{place.Name}' in the account of project '{place.Project}' names objects outside of its container, which are left there.");
        await Parallel.ForEachAsync(
            entries.Select(entry => entry.Path).Where(path => path.StartsWith(container, StringComparison.Ordinal)).Distinct(StringComparer.Ordinal),
            new ParallelOptions { MaxDegreeOfParallelism = settings.SegmentsInFlight, CancellationToken = cancellationToken },
            async (path, token) => await place.Connection.RemoveAsync(place.Container, path[container.Length..], token));
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

    // A container that is gone must never look like an image that is gone, which would let the registry forget it. The one of a project's
    // image goes with it; there the store's own tells that this is still the cluster where the images are.
    private async Task ThrowIfContainerIsGoneAsync(ImagePlace place, HttpStatusCode status, CancellationToken cancellationToken)
    {
        if (status != HttpStatusCode.NotFound || (place.Project is null && place.Container != settings.Container))
            return;
        using var response = await connection.SendAsync(HttpMethod.Head, $"/{Uri.EscapeDataString(settings.Container)}", null, cancellationToken);
        if (response.StatusCode == HttpStatusCode.NotFound)
            throw new StoreException(StoreError.Misconfigured, $"The container '{settings.Container}' is gone.");
    }

    private static StoreException Odd(HttpStatusCode status, string what, string key) =>
        new((int)status is 401 or 403 ? StoreError.Misconfigured : StoreError.Unexpected, $"{what}: the server answered {(int)status}.", key);
}
