using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>
/// One attempt. Bytes are collected into a part; a full part is sent only once more bytes follow, so that a body which ends within the first
/// one is a single PUT. At most <c>parts_in_flight</c> parts travel and one is filled: with all on their way the next write waits. The
/// failure of a part is reported by the next call.
/// </summary>
internal sealed class S3Writer(S3Driver driver, S3Connection connection, S3Settings settings, PartBuffers buffers, WriteRequest request) : IStoreWriter
{
    private static readonly byte[] zeros = new byte[1024 * 1024];

    private readonly WriteAttempt attempt = request.Attempt;
    private readonly PartPlan plan = new(settings.PartSize, request.DeclaredSize);
    private readonly SemaphoreSlim free = new(settings.PartsInFlight);
    private readonly CancellationTokenSource ending = new();
    private readonly List<Task<Answer<string>>> parts = [];
    private Part? current;
    private long currentSize;
    private string? uploadId;
    private long length;
    private bool touched;
    private bool disposed;
    private Failure? failure;
    private StoreResult<StoredObject>? committed;

    public int PreferredWriteSize => 1024 * 1024;

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (!data.IsEmpty)
        {
            if (Volatile.Read(ref failure) is { } failed)
                return Report(failed);
            if (current is not null && current.Length == currentSize && await SendAsync(cancellationToken) is { } refused)
                return refused;
            if (current is null)
            {
                if (parts.Count == PartPlan.MostParts)
                    return StoreOutcome.Full;
                currentSize = plan.SizeOf(parts.Count + 1);
                current = buffers.Make(currentSize);
            }

            var count = (int)Math.Min(data.Length, currentSize - current.Length);
            await current.AppendAsync(data[..count], cancellationToken);
            length += count;
            data = data[count..];
        }

        return StoreOutcome.Ok;
    }

    public async ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        // S3 has no holes.
        while (length > 0)
        {
            var count = (int)Math.Min(length, zeros.Length);
            if (await WriteAsync(zeros.AsMemory(0, count), cancellationToken) is var outcome and not StoreOutcome.Ok)
                return outcome;
            length -= count;
        }

        return StoreOutcome.Ok;
    }

    public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (committed is { } already)
            return already;

        StoreResult<StoredObject> result;
        if (uploadId is null && parts.Count == 0)
        {
            touched = true;
            result = await driver.PublishAsync(attempt, current ??= buffers.Make(settings.PartSize), cancellationToken);
        }
        else
        {
            if (current is not null && await SendAsync(cancellationToken) is { } refused)
                return refused;
            await Task.WhenAll(parts).WaitAsync(cancellationToken);
            if (failure is { } failed)
                return Report(failed);
            result = await driver.PublishAsync(attempt, uploadId!, [.. parts.Select(part => part.Result.Value!)], length, cancellationToken);
        }

        if (result.IsOk)
            committed = result;
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;

        // An abort in the middle of a part may leave the part behind, so that all have ended before.
        if (committed is null)
            await ending.CancelAsync();
        await ((Task)Task.WhenAll(parts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        current?.Dispose();
        if (committed is null && touched)
            await driver.ReleaseAsync(attempt);
        ending.Dispose();
        free.Dispose();
    }

    // Gives the current part to a request of its own; null when it travels.
    private async Task<StoreOutcome?> SendAsync(CancellationToken cancellationToken)
    {
        if (uploadId is null && await StartAsync(cancellationToken) is { } refused)
            return refused;
        await free.WaitAsync(cancellationToken);
        if (Volatile.Read(ref failure) is { } failed)
        {
            free.Release();
            return Report(failed);
        }

        var part = current!;
        current = null;
        parts.Add(TravelAsync(part, parts.Count + 1));
        return null;
    }

    private async Task<StoreOutcome?> StartAsync(CancellationToken cancellationToken)
    {
        touched = true;
        var marker = S3Names.MarkerOf(attempt);
        var marked = await connection.PutTextAsync(marker, "", onlyIfAbsent: false, cancellationToken);
        if (marked.Refusal is { } unmarked)
            return S3Driver.Refused(unmarked, "The attempt's marker could not be stored", attempt).Outcome;
        var started = await connection.StartUploadAsync(attempt, cancellationToken);
        if (started.Refusal is { } unstarted)
            return S3Driver.Refused(unstarted, "The upload could not be started", attempt).Outcome;
        var named = await connection.PutTextAsync(marker, started.Value!, onlyIfAbsent: false, cancellationToken);
        if (named.Refusal is { } unnamed)
            return S3Driver.Refused(unnamed, "The attempt's marker could not be stored", attempt).Outcome;
        uploadId = started.Value;
        return null;
    }

    private async Task<Answer<string>> TravelAsync(Part part, int number)
    {
        await Task.Yield();
        try
        {
            var answer = await connection.SendPartAsync(attempt.ImageId, uploadId!, number, part, ending.Token);
            if (answer.Refusal is { } refusal)
                Interlocked.CompareExchange(ref failure, new Failure(refusal, null), null);
            return answer;
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref failure, new Failure(null, exception), null);
            return default;
        }
        finally
        {
            part.Dispose();
            free.Release();
        }
    }

    private StoreOutcome Report(Failure failed)
    {
        if (failed.Refusal is { } refusal)
            return S3Driver.Refused(refusal, "A part of the image could not be stored", attempt).Outcome;
        throw new StoreException(StoreError.Unexpected, "A part of the image could not be stored.", attempt.ImageId, failed.Exception);
    }

    /// <summary>Why the attempt cannot go on: an answer, or a bug.</summary>
    private sealed record Failure(Refusal? Refusal, Exception? Exception);
}
