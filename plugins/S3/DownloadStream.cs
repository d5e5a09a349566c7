using Amazon.S3.Model;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.S3;

/// <summary>
/// The body of one GET as a forward stream. A connection that is lost in the middle is replaced by another GET for the rest, conditional on
/// the same ETag, as long as bytes came between two losses; so a download is one request unless the network fails. Asynchronous only.
/// </summary>
internal sealed class DownloadStream(S3Source source, S3Settings settings, S3Connection connection, long offset, long end) : Stream
{
    private const int MostLosses = 2;
    private long position = offset;
    private GetObjectResponse? response;
    private int losses;
    private bool disposed;

    public override bool CanRead => !disposed;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException("A forward stream does not tell its length.");

    public override long Position
    {
        get => throw new NotSupportedException("A forward stream has no position.");
        set => throw new NotSupportedException("A forward stream has no position.");
    }

    /// <summary>Sends the request.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        using var limit = source.Limit(cancellationToken);
        response = (await source.RequestAsync(position, end, limit, cancellationToken)).OrFault("The image could not be read", source.Key);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (buffer.Length > end - position)
            buffer = buffer[..(int)(end - position)];
        while (!buffer.IsEmpty)
        {
            if (response is null)
                await OpenAsync(cancellationToken);
            var read = await TryReadAsync(buffer, cancellationToken);
            if (read > 0)
            {
                position += read;
                losses = 0;
                return read;
            }

            response?.Dispose();
            response = null;
            if (++losses > MostLosses)
                throw new StoreException(StoreError.Unavailable, $"The connection to {settings.Endpoint.Authority} was lost at byte {position} of the image.", source.Key);
        }

        return 0;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("Read it asynchronously: a blocked thread per download does not scale.");

    public override void Flush()
    {
        // Nothing is buffered.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A forward stream cannot seek.");

    public override void SetLength(long value) => throw new NotSupportedException("A source is never written.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A source is never written.");

    protected override void Dispose(bool disposing)
    {
        if (disposing && !disposed)
        {
            disposed = true;
            response?.Dispose();
        }

        base.Dispose(disposing);
    }

    // 0 when the connection was lost: the end of the range is never asked for.
    private async ValueTask<int> TryReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var limit = source.Limit(cancellationToken);
        var answer = await connection.ReadAsync(response!.ResponseStream, buffer, limit, cancellationToken);
        source.ThrowIfDisposed();
        if (answer.IsOk)
            return answer.Value.Count;
        return answer.Refusal.Error == StoreError.Unavailable ? 0 : throw answer.Refusal.ToFault("The image could not be read", source.Key);
    }
}
