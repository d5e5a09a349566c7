using System.Net;
using System.Net.Http.Headers;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>
/// An open image. Each read is one GET, or one of each segment where the server must not put them together; an answer's tag is compared with
/// the one that was opened before a byte of it is used.
/// </summary>
internal sealed class SwiftSource(ImagePlace place, ObjectFacts facts, IReadOnlyList<SourceSegment>? segments = null) : IByteSource
{
    private readonly SwiftConnection _connection = place.Connection;
    private readonly CancellationTokenSource _ending = new();
    private volatile bool _disposed;

    public long? Length => facts.Length;

    public string? Validator => facts.Validator;

    public ByteSourceHints Hints { get; } = new(BestRequestSize: 4 * 1024 * 1024, Parallelism: 8, Ranges: true);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = (int)Math.Min(buffer.Length, Math.Max(0, facts.Length - offset));
        if (count == 0)
            return 0;
        await using var stream = new DownloadStream(this, offset, offset + count);
        await stream.ReadExactlyAsync(buffer[..count], cancellationToken);
        return count;
    }

    public async ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = Math.Min(Math.Max(0, facts.Length - offset), length ?? long.MaxValue);
        if (count == 0)
            return Stream.Null;
        var stream = new DownloadStream(this, offset, offset + count);
        try
        {
            await stream.OpenAsync(cancellationToken);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks for a range of this very object.</summary>
    /// <returns>An answer whose body has it, or the beginning of it.</returns>
    public async Task<HttpResponseMessage> RequestAsync(long offset, long end, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var (name, validator, length) = (place.Name, facts.Validator, facts.Length);
        if (segments is not null)
        {
            var segment = SegmentAt(segments, offset);
            (name, validator, length) = (segment.Name, segment.ETag, segment.Length);
            (offset, end) = (offset - segment.Offset, Math.Min(end - segment.Offset, segment.Length));
        }

        HttpResponseMessage response;
        try
        {
            response = await _connection.SendAsync(
                HttpMethod.Get, _connection.PlainPathOf(place.Container, name), request => request.Headers.Range = new RangeHeaderValue(offset, end - 1), cancellationToken, _ending.Token);
        }
        catch (Exception exception) when (_disposed && exception is StoreException or OperationCanceledException)
        {
            throw new ObjectDisposedException("The source was closed under its reader.", exception);
        }

        if (response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == offset)
        {
            var now = SwiftConnection.FactsOf(response);
            if (now.Validator == validator && now.Length == length)
                return response;
        }

        using (response)
        {
            throw response.StatusCode is HttpStatusCode.PartialContent or HttpStatusCode.OK or HttpStatusCode.NotFound or HttpStatusCode.RequestedRangeNotSatisfiable
                ? Fault(StoreError.Changed, "The object was replaced or deleted after it was opened.")
                : _connection.FaultOf(response, "The image could not be read");
        }
    }

    /// <summary>Reads of an answer's body.</summary>
    public async Task<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var limit = _connection.Limit(cancellationToken, _ending.Token);
        try
        {
            return await _connection.RunAsync(limit, token => body.ReadAsync(buffer, token).AsTask(), cancellationToken, _ending.Token);
        }
        catch (Exception exception) when (_disposed && exception is StoreException or OperationCanceledException)
        {
            throw new ObjectDisposedException("The source was closed under its reader.", exception);
        }
    }

    /// <summary>A fault of this object.</summary>
    public StoreException Fault(StoreError error, string message) => new(error, message, $"{place.Container}/{place.Name}");

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        await _ending.CancelAsync();
        _ending.Dispose();
    }

    // The last one that begins at or before the offset; none is empty but those of upstream's listings, which are passed over.
    private static SourceSegment SegmentAt(IReadOnlyList<SourceSegment> segments, long offset)
    {
        var (least, most) = (0, segments.Count - 1);
        while (least < most)
        {
            var middle = least + ((most - least + 1) / 2);
            if (segments[middle].Offset <= offset)
                least = middle;
            else
                most = middle - 1;
        }

        return segments[least];
    }
}
