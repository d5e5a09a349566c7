using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>
/// The body of one GET as a forward stream. A connection that is lost in the middle is replaced by another GET for the rest of the same
/// object, as long as bytes came between two losses; so a download is one request unless the network fails. Asynchronous only.
/// </summary>
internal sealed class DownloadStream(SwiftSource source, long offset, long end) : Stream
{
    private const int MostLosses = 2;
    private long _position = offset;
    private HttpResponseMessage? _response;
    private Stream? _body;
    private int _losses;
    private bool _disposed;

    public override bool CanRead => !_disposed;

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
        _response = await source.RequestAsync(_position, end, cancellationToken);
        _body = await _response.Content.ReadAsStreamAsync(cancellationToken);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (buffer.Length > end - _position)
            buffer = buffer[..(int)(end - _position)];
        while (!buffer.IsEmpty)
        {
            if (_body is null)
                await OpenAsync(cancellationToken);
            StoreException? loss = null;
            try
            {
                var read = await source.ReadAsync(_body!, buffer, cancellationToken);
                if (read > 0)
                {
                    _position += read;
                    _losses = 0;
                    return read;
                }
            }
            catch (StoreException exception) when (exception.Error == StoreError.Unavailable)
            {
                loss = exception;
            }

            Disconnect();

            if (++_losses > MostLosses)
                throw loss ?? source.Fault(StoreError.Unavailable, $"The server ended the transfer at byte {_position}, before the object's end.");
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
        if (disposing && !_disposed)
        {
            _disposed = true;
            Disconnect();
        }

        base.Dispose(disposing);
    }

    private void Disconnect()
    {
        _body?.Dispose();
        _response?.Dispose();
        (_body, _response) = (null, null);
    }
}
