using GlanceGateway.Abstractions;
using MongoDB.Bson;
using MongoDB.Driver;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>
/// An open image: its document in <c>.files</c>, and ranges of its chunks, up to 4 MiB a request. Every chunk is checked for its place and length,
/// and those of our own for their attempt, so that an image deleted and stored again meanwhile is never mixed with the one that was opened.
/// </summary>
internal sealed class GridFsSource : IByteSource
{
    private const int LargestRequest = 4 * 1024 * 1024;

    private readonly Bucket bucket;
    private readonly string fileId;
    private readonly string? attempt;
    private readonly long length;
    private readonly int chunkSize;
    private volatile bool disposed;

    private GridFsSource(Bucket bucket, BsonDocument file)
    {
        this.bucket = bucket;
        fileId = file["_id"].AsString;
        attempt = Bucket.AttemptOf(file);
        length = file["length"].ToInt64();
        chunkSize = file["chunkSize"].ToInt32();
        Validator = $"{(file.TryGetValue("uploadDate", out var date) && date.IsValidDateTime ? date.ToUniversalTime().Ticks : 0):x}-{attempt ?? ""}-{length:x}";
        Hints = new ByteSourceHints(Math.Max(1, LargestRequest / Math.Max(1, chunkSize)) * chunkSize, Parallelism: 4, Ranges: true);
    }

    public long? Length => length;

    public string Validator { get; }

    public ByteSourceHints Hints { get; }

    /// <summary>Makes the source of a file's document.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Corrupt"/> when it is no GridFS file.</exception>
    public static GridFsSource Of(Bucket bucket, BsonDocument file, string location)
    {
        GridFsSource source;
        try
        {
            source = new GridFsSource(bucket, file);
        }
        catch (Exception exception) when (exception is KeyNotFoundException or NotSupportedException or InvalidCastException or OverflowException)
        {
            throw new StoreException(StoreError.Corrupt, $"The file's document is not one of GridFS: {exception.Message}", location);
        }

        return source is { length: >= 0, chunkSize: > 0 and <= 16 * 1024 * 1024 }
            ? source
            : throw new StoreException(StoreError.Corrupt, $"The file's document makes no sense: length {source.length}, chunk size {source.chunkSize}.", location);
    }

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = (int)Math.Min(buffer.Length, Math.Max(0, length - offset));
        for (var done = 0; done < count;)
        {
            var step = (int)Math.Min(count - done, Hints.BestRequestSize - ((offset + done) % Hints.BestRequestSize));
            await ReadRangeAsync(offset + done, buffer.Slice(done, step), cancellationToken);
            done += step;
        }

        return count;
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var end = length is { } bytes && bytes < this.length - offset ? offset + bytes : this.length;
        return ValueTask.FromResult<Stream>(new ReadAheadStream(this, Hints.BestRequestSize, Hints.Parallelism, offset, end));
    }

    public ValueTask DisposeAsync()
    {
        disposed = true;
        return ValueTask.CompletedTask;
    }

    private async Task ReadRangeAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var first = (int)(offset / chunkSize);
        var last = (int)((offset + destination.Length - 1) / chunkSize);
        var which = Bucket.ChunksOf(fileId, attempt) & Bucket.Where.Gte("n", first) & Bucket.Where.Lte("n", last);
        var chunks = await bucket.RunAsync(
            "The image could not be read",
            fileId,
            () => bucket.Chunks.Find(which, new FindOptions { BatchSize = last - first + 1 }).Sort("{ n: 1 }").Limit(last - first + 1).ToListAsync(cancellationToken),
            cancellationToken);
        ObjectDisposedException.ThrowIf(disposed, this);
        for (var i = 0; i <= last - first; i++)
        {
            var start = (long)(first + i) * chunkSize;
            var size = (int)Math.Min(chunkSize, length - start);
            if (i >= chunks.Count || chunks[i]["n"].ToInt32() != first + i || chunks[i]["data"] is not BsonBinaryData data || data.Bytes.Length != size)
                throw await ExplainAsync(first + i, cancellationToken);
            var from = Math.Max(start, offset);
            var to = Math.Min(start + size, offset + destination.Length);
            data.Bytes.AsSpan((int)(from - start), (int)(to - from)).CopyTo(destination.Span[(int)(from - offset)..]);
        }
    }

    private async Task<StoreException> ExplainAsync(int chunk, CancellationToken cancellationToken)
    {
        var file = await bucket.RunAsync("The image could not be read", fileId, () => bucket.FindFileAsync(fileId, cancellationToken), cancellationToken);
        return file is null || Bucket.IsBeingDeleted(file) || Bucket.AttemptOf(file) != attempt
            ? new StoreException(StoreError.Changed, "The image was deleted while it was being read.", fileId)
            : new StoreException(StoreError.Corrupt, $"Chunk {chunk} of the image is missing or has a wrong length.", fileId);
    }
}
