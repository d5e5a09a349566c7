using System.Net;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>A segment that the server has.</summary>
internal sealed record StoredSegment(string Path, string ETag, long Size);

/// <summary>
/// One attempt. Bytes are collected into a segment; a full one is sent only once more bytes follow, so that a body which ends within the
/// first is a single PUT. At most <c>segments_in_flight</c> segments travel and one is filled. Segments beyond 16 MiB are not collected: they
/// are sent while they come, one at a time. A failure is reported by the next call.
/// </summary>
/// <param name="driver">Marks, commits and cleans up.</param>
/// <param name="place">Where the image will be.</param>
/// <param name="isMarked">Whether the attempt has its marker already.</param>
/// <param name="settings">The store's.</param>
/// <param name="plan">How large segments are.</param>
/// <param name="buffers">The store's.</param>
/// <param name="request">What is written.</param>
/// <param name="time">The clock.</param>
internal sealed class SwiftWriter(
    SwiftDriver driver, ImagePlace place, bool isMarked, SwiftSettings settings, SegmentPlan plan, SegmentBuffers buffers, WriteRequest request, TimeProvider time)
    : IStoreWriter
{
    private static readonly byte[] s_zeros = new byte[1024 * 1024];

    private readonly WriteAttempt _attempt = request.Attempt;
    private readonly SemaphoreSlim _free = new(settings.SegmentsInFlight);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Task<StoredSegment?>> _segments = [];
    private MemorySegment? _collected;
    private StreamedSegment? _streamed;
    private long _currentSize;
    private long _length;
    private bool _touched = isMarked;
    private bool _marked = isMarked;
    private bool _disposed;
    private Failure? _failure;
    private StoreResult<StoredObject>? _committed;

    public int PreferredWriteSize => 1024 * 1024;

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (!data.IsEmpty)
        {
            if (Volatile.Read(ref _failure) is { } failed)
                return Report(failed);
            if (IsFull && await SendCurrentAsync(cancellationToken) is { } refused)
                return refused;
            if (_collected is null && _streamed is null && await BeginSegmentAsync(cancellationToken) is { } unready)
                return unready;

            var count = (int)Math.Min(data.Length, _currentSize - (_collected?.Length ?? _streamed!.Length));
            if (_collected is not null)
                _collected.Append(data.Span[..count]);
            else if (!await _streamed!.AppendAsync(data[..count], cancellationToken))
                return await SendCurrentAsync(cancellationToken) ?? throw new StoreException(StoreError.Unexpected, "The server answered before it had the whole segment.", _attempt.ImageId);
            _length += count;
            data = data[count..];
        }

        return StoreOutcome.Ok;
    }

    public async ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        // Swift has no holes.
        while (length > 0)
        {
            var count = (int)Math.Min(length, s_zeros.Length);
            if (await WriteAsync(s_zeros.AsMemory(0, count), cancellationToken) is var outcome and not StoreOutcome.Ok)
                return outcome;
            length -= count;
        }

        return StoreOutcome.Ok;
    }

    public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_committed is { } already)
            return already;

        StoreResult<StoredObject> result;
        if (_segments.Count == 0 && _streamed is null)
        {
            _touched = true;
            result = await driver.PublishAsync(place, _attempt, _collected ??= new MemorySegment(buffers, 0), cancellationToken);
        }
        else
        {
            if ((_collected is not null || _streamed is not null) && await SendCurrentAsync(cancellationToken) is { } refused)
                return refused;
            await Task.WhenAll(_segments).WaitAsync(cancellationToken);
            if (_failure is { } failed)
                return Report(failed);
            result = await driver.PublishAsync(place, _attempt, [.. _segments.Select(segment => segment.Result!)], _length, cancellationToken);
        }

        if (result.IsOk)
            _committed = result;
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;

        // A segment that arrives after the clean-up would stay, so that all have ended before.
        if (_committed is null)
            await _ending.CancelAsync();
        if (_streamed is not null)
            await _streamed.DisposeAsync();
        await ((Task)Task.WhenAll(_segments)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _collected?.Dispose();
        if (_committed is null && _touched)
            await driver.ReleaseAsync(place, _attempt);
        _ending.Dispose();
        _free.Dispose();
    }

    private bool IsFull => (_collected is not null && _collected.Length == _currentSize) || (_streamed is not null && _streamed.Length == _currentSize);

    private async Task<StoreOutcome?> BeginSegmentAsync(CancellationToken cancellationToken)
    {
        var number = _segments.Count + 1;
        if (number > plan.MostSegments)
            return StoreOutcome.Full;
        _currentSize = plan.SizeOf(number);
        if (_currentSize <= SegmentBuffers.LargestInMemory)
        {
            _collected = new MemorySegment(buffers, (int)_currentSize);
            return null;
        }

        if (await MarkAsync(cancellationToken) is { } refused)
            return refused;
        _streamed = new StreamedSegment(place.Connection, PathOf(number), _ending.Token);
        return null;
    }

    // Null when the current segment travels, or has arrived.
    private async Task<StoreOutcome?> SendCurrentAsync(CancellationToken cancellationToken)
    {
        if (_streamed is { } streamed)
            return await FinishStreamedAsync(streamed, cancellationToken);
        if (await MarkAsync(cancellationToken) is { } refused)
            return refused;
        await _free.WaitAsync(cancellationToken);
        if (Volatile.Read(ref _failure) is { } failed)
        {
            _free.Release();
            return Report(failed);
        }

        var segment = _collected!;
        _collected = null;
        _segments.Add(TravelAsync(segment, PathOf(_segments.Count + 1)));
        return null;
    }

    private async Task<StoreOutcome?> MarkAsync(CancellationToken cancellationToken)
    {
        if (_marked)
            return null;
        _touched = true;
        var outcome = await driver.MarkAsync(_attempt, project: null, cancellationToken);
        if (outcome != StoreOutcome.Ok)
            return outcome;
        _marked = true;
        return null;
    }

    private async Task<StoreOutcome?> FinishStreamedAsync(StreamedSegment streamed, CancellationToken cancellationToken)
    {
        _streamed = null;
        await using var owned = streamed;
        try
        {
            var path = PathOf(_segments.Count + 1);
            using var answer = await streamed.FinishAsync(settings.OperationTimeout, time, cancellationToken);
            if (!answer.IsSuccessStatusCode)
                return SwiftDriver.Refused(place.Connection, answer, "A segment of the image could not be stored", _attempt).Outcome;
            _segments.Add(Task.FromResult<StoredSegment?>(new StoredSegment(path, TagOf(answer), streamed.Length)));
            return null;
        }
        catch (TimeoutException)
        {
            throw new StoreException(StoreError.TimedOut, $"The server did not confirm a segment within {settings.OperationTimeout.TotalSeconds:0.##} s.", _attempt.ImageId);
        }
    }

    private async Task<StoredSegment?> TravelAsync(MemorySegment segment, string path)
    {
        await Task.Yield();
        try
        {
            using var answer = await place.Connection.SendAsync(HttpMethod.Put, path, request => request.Content = segment.ToContent(), _ending.Token);
            if (answer.IsSuccessStatusCode)
                return new StoredSegment(path, TagOf(answer), segment.Length);
            var refused = SwiftDriver.Refused(place.Connection, answer, "A segment of the image could not be stored", _attempt);
            Interlocked.CompareExchange(ref _failure, new Failure(refused.Outcome, null), null);
        }
        catch (Exception exception)
        {
            Interlocked.CompareExchange(ref _failure, new Failure(StoreOutcome.Ok, exception), null);
        }
        finally
        {
            segment.Dispose();
            _free.Release();
        }

        return null;
    }

    private string PathOf(int number) => SwiftConnection.PathOf(place.Container, SwiftNames.SegmentOf(_attempt, number));

    private static string TagOf(HttpResponseMessage answer) => answer.Headers.NonValidated.TryGetValues("ETag", out var tag) ? tag.ToString().Trim('"') : "";

    private StoreOutcome Report(Failure failed) => failed.Exception switch
    {
        null => failed.Outcome,
        StoreException fault => throw new StoreException(fault.Error, $"A segment of the image could not be stored: {fault.Message}", _attempt.ImageId, fault),
        var bug => throw new StoreException(StoreError.Unexpected, "A segment of the image could not be stored.", _attempt.ImageId, bug),
    };

    /// <summary>Why the attempt cannot go on: an outcome, or an exception.</summary>
    private sealed record Failure(StoreOutcome Outcome, Exception? Exception);
}
