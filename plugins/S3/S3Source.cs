using System.Net;
using System.Net.Http.Headers;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>An open image: its key and the ETag that every request is conditional on. Each read is one GET.</summary>
internal sealed class S3Source(S3Settings settings, S3Connection connection, string key, ObjectFacts facts) : IByteSource
{
    private readonly CancellationTokenSource ending = new();
    private volatile bool disposed;

    public long? Length => facts.Length;

    public string Validator => facts.ETag;

    public ByteSourceHints Hints { get; } = new(BestRequestSize: 8 * 1024 * 1024, Parallelism: 8, Ranges: true);

    /// <summary>The bucket's key, for messages.</summary>
    public string Key => key;

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = (int)Math.Min(buffer.Length, Math.Max(0, facts.Length - offset));
        if (count == 0)
            return 0;
        await using var stream = new DownloadStream(this, settings, connection, offset, offset + count);
        await stream.ReadExactlyAsync(buffer[..count], cancellationToken);
        return count;
    }

    public async ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = Math.Min(Math.Max(0, facts.Length - offset), length ?? long.MaxValue);
        if (count == 0)
            return Stream.Null;
        var stream = new DownloadStream(this, settings, connection, offset, offset + count);
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

    /// <summary>A limit that the end of the source ends too.</summary>
    public Deadline Limit(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return connection.Limit(cancellationToken, ending.Token);
    }

    /// <summary>Asks for a range of this very object.</summary>
    public async Task<Answer<Amazon.S3.Model.GetObjectResponse>> RequestAsync(long offset, long end, Deadline limit, CancellationToken cancellationToken)
    {
        var answer = await connection.GetAsync(key, facts.ETag, offset, end, limit, cancellationToken);
        ObjectDisposedException.ThrowIf(disposed, this);
        return answer.Refusal?.Kind switch
        {
            RefusalKind.Condition => throw new StoreException(StoreError.Changed, "The object was replaced after it was opened.", key),
            RefusalKind.Absent => throw new StoreException(StoreError.Changed, "The object was deleted after it was opened.", key),
            null => Check(answer, offset, end),
            _ => answer,
        };
    }

    // A proxy or gateway that ignores the range, or answers another one, would have us give out other bytes. One that sends less than was asked for may:
    // the rest is asked for again.
    private Answer<Amazon.S3.Model.GetObjectResponse> Check(Answer<Amazon.S3.Model.GetObjectResponse> answer, long offset, long end)
    {
        var response = answer.Value!;
        var isWhole = response.HttpStatusCode == HttpStatusCode.OK && offset == 0 && end == facts.Length && response.ContentLength == end;
        if (isWhole || (ContentRangeHeaderValue.TryParse(response.ContentRange, out var range) && range.From == offset && range.Length == facts.Length))
            return answer;
        response.Dispose();
        throw new StoreException(StoreError.Corrupt, $"{settings.Endpoint.Authority} sent another range than it was asked for.", key);
    }

    /// <summary>Fails when the source was disposed.</summary>
    public void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(disposed, this);

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        await ending.CancelAsync();
        ending.Dispose();
    }
}
