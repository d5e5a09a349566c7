namespace GlanceGateway.Images;

/// <summary>A body on its way from somewhere else: a fault of the sender becomes what the user is told of it.</summary>
internal sealed class FetchStream(Stream body, Func<Exception, ImageException> refusal) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException("A fetched body is read forward only.");

    public override long Position
    {
        get => throw new NotSupportedException("A fetched body is read forward only.");
        set => throw new NotSupportedException("A fetched body is read forward only.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            return await body.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException)
        {
            throw refusal(failure);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("A fetched body is read asynchronously only.");

    public override void Flush()
    {
        // Nothing is written.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A fetched body is read forward only.");

    public override void SetLength(long value) => throw new NotSupportedException("A fetched body is read forward only.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A fetched body is read forward only.");

    public override async ValueTask DisposeAsync()
    {
        await body.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            body.Dispose();
        }

        base.Dispose(disposing);
    }
}
