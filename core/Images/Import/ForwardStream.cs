namespace GlanceGateway.Images;

/// <summary>Data on its way from somewhere, read once, forward and asynchronously. Heirs say what happens to it on the way.</summary>
/// <param name="inner">Disposed with it.</param>
internal abstract class ForwardStream(Stream inner) : Stream
{
    private const string ForwardOnly = "Data on its way is read forward only.";

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException(ForwardOnly);

    public override long Position
    {
        get => throw new NotSupportedException(ForwardOnly);
        set => throw new NotSupportedException(ForwardOnly);
    }

    /// <summary>Where the data comes from.</summary>
    protected Stream Inner => inner;

    public abstract override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    public sealed override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Data on its way is read asynchronously only.");

    public override void Flush()
    {
        // Nothing is written.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException(ForwardOnly);

    public override void SetLength(long value) => throw new NotSupportedException(ForwardOnly);

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException(ForwardOnly);

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
