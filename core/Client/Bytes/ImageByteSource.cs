using System.Net;
using System.Net.Http.Headers;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Client;

// The data of an image at an endpoint (GET /v2/images/{id}/file).
//
// * Glance gives ranges (206) where the store can; on Ceph, Swift, S3 and HTTP stores it answers 400, and what stands before it may drop the header (200).
//   Either is found out once per image: the hints say so from then on, and whoever reads at random fills a cache from one stream.
// * Every answer is compared with what the image is: the length of the whole, and the MD5 of the whole, which Glance sends with each part (Content-MD5, in
//   hexadecimal). Another one is StoreError.Changed: an id deleted and made again with other data.
// * With ranges, a stream that breaks off goes on where it was, for as long as it moves within the client's patience. Without, it ends with the fault.
// * An image that is gone, or not to be read any more, is StoreError.Changed as well: asking again does not help.

/// <summary>The bytes of an image at an endpoint.</summary>
internal sealed class ImageByteSource(ImageTransport transport, RemoteImage image, RangeKnowledge ranges) : IByteSource
{
    private const int BestRequestSize = 4 << 20;
    private const int Parallelism = 4;

    private int _disposed;

    public long? Length => image.Size;

    public string? Validator => image.Validator;

    public ByteSourceHints Hints => new(BestRequestSize, Parallelism, ranges.Works != false);

    internal RemoteImage Image => image;

    internal ImageTransport Transport => transport;

    private long Size => image.Size ?? 0;

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (offset >= Size || buffer.IsEmpty)
            return 0;
        buffer = buffer[..(int)Math.Min(buffer.Length, Size - offset)];
        await using var stream = await OpenRangeAsync(offset, buffer.Length, cancellationToken);
        return await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
    }

    public async ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        var end = length is { } wanted && wanted < Size - offset ? offset + wanted : Size;
        if (offset >= end)
            return Stream.Null;
        var stream = new ImageStream(this, offset, end);
        try
        {
            await stream.ConnectAsync(cancellationToken);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        Volatile.Write(ref _disposed, 1);
        return ValueTask.CompletedTask;
    }

    /// <summary>Finds out whether ranges work, unless somebody did.</summary>
    /// <exception cref="StoreException">There is no answer, or the image is gone.</exception>
    internal async Task ProbeAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        if (ranges.Works is not null || Size == 0)
            return;
        using var answer = await transport.GetAsync(Path, new RangeHeaderValue(0, 0), mayHedge: false, patience, cancellationToken);
        if (answer.StatusCode is not (HttpStatusCode.BadRequest or HttpStatusCode.NotImplemented))
            Check(answer, offset: 0);
        Learn(answer);
    }

    /// <summary>Asks for the bytes from an offset on.</summary>
    /// <returns>The body, and the offset at which it begins: 0 instead of the wanted one where there are no ranges.</returns>
    internal async Task<(HttpResponseMessage Answer, long Begin)> RequestAsync(long offset, long end, TimeSpan patience, CancellationToken cancellationToken)
    {
        // After a refusal the whole is asked for; a whole needs no range to begin with.
        while (true)
        {
            var isWhole = ranges.Works == false || (offset == 0 && end == Size);
            var mayHedge = !isWhole && ranges.Works == true && end - offset <= Hedging.LargestBytes;
            var answer = await transport.GetAsync(Path, isWhole ? null : new RangeHeaderValue(offset, end - 1), mayHedge, patience, cancellationToken);
            try
            {
                if (!isWhole && answer.StatusCode is (HttpStatusCode.BadRequest or HttpStatusCode.NotImplemented))
                {
                    Learn(answer);
                    answer.Dispose();
                    continue;
                }

                // First: what is no answer about this image teaches nothing about its ranges.
                var begin = Check(answer, isWhole ? 0 : offset);
                if (!isWhole)
                    Learn(answer);
                return (answer, begin);
            }
            catch
            {
                answer.Dispose();
                throw;
            }
        }
    }

    private string Path => $"v2/images/{image.Id}/file";

    private void Learn(HttpResponseMessage answer)
    {
        switch (answer.StatusCode)
        {
            case HttpStatusCode.PartialContent:
                ranges.Works = true;
                break;
            case HttpStatusCode.BadRequest or HttpStatusCode.OK or HttpStatusCode.NotImplemented:
                if (ranges.Works != false)
                    transport.Logger.NoRanges(image.Id, $"the endpoint answers {(int)answer.StatusCode} to a range");
                ranges.Works = false;
                break;
            default:
                break;
        }
    }

    /// <summary>Compares an answer with the image.</summary>
    /// <returns>The offset at which its body begins.</returns>
    private long Check(HttpResponseMessage answer, long offset)
    {
        switch (answer.StatusCode)
        {
            case HttpStatusCode.OK:
                if (answer.Content.Headers.ContentLength is { } length && length != Size)
                    throw Changed($"has {length} bytes instead of {Size}");
                CheckChecksum(answer);
                return 0;
            case HttpStatusCode.PartialContent:
                if (answer.Content.Headers.ContentRange is { } range && ((range.HasLength && range.Length != Size) || (range.HasRange && range.From != offset)))
                    throw Changed($"answers {range} when asked for byte {offset} of {Size}");
                CheckChecksum(answer);
                return offset;
            case HttpStatusCode.NoContent:
                throw Changed("has no data any more (204)");
            case HttpStatusCode.NotFound or HttpStatusCode.Gone or HttpStatusCode.Forbidden:
                throw Changed($"is gone, or may not be read any more ({(int)answer.StatusCode})");
            default:
                throw new StoreException(StoreError.Unexpected, $"The endpoint answers {(int)answer.StatusCode} when asked for the data of image {image.Id}.", image.Id);
        }
    }

    private void CheckChecksum(HttpResponseMessage answer)
    {
        // In hexadecimal, which the framework's own property for this header would take for base64.
        if (image.Checksum is { } checksum && answer.Content.Headers.TryGetValues("Content-MD5", out var told) && told.FirstOrDefault() is { Length: 32 } other
            && !string.Equals(checksum, other, StringComparison.OrdinalIgnoreCase))
            throw Changed("has other data than before");
    }

    private StoreException Changed(string how) => new(StoreError.Changed, $"Image {image.Id} {how}.", image.Id);
}
