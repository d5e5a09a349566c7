using System.Buffers;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Http;

/// <summary>
/// The body of one GET as a forward stream. Where the server has ranges and a validator, a connection that is lost is replaced by another
/// GET for the rest, as long as bytes came between two losses. Without ranges the bytes before the offset are read and dropped. Asynchronous only.
/// </summary>
internal sealed class DownloadStream(HttpSource source, long offset, long? length) : Stream
{
    private const int MostLosses = 2;
    private readonly long _start = offset;
    private readonly long? _end = offset + length;
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
        var ranges = source.Facts.Ranges;
        _response = await source.RequestAsync(ranges ? _position : 0, ranges ? _end : null, cancellationToken);
        _body = await _response.Content.ReadAsStreamAsync(cancellationToken);
        if (!ranges && _start > 0)
            await SkipAsync(_start, cancellationToken);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_end - _position is { } left && left < buffer.Length)
            buffer = buffer[..(int)left];
        while (!buffer.IsEmpty)
        {
            if (_body is null)
                await OpenAsync(cancellationToken);
            StoreException? loss = null;
            try
            {
                var read = await source.ReadAsync(_body!, buffer, cancellationToken);
                if (read > 0 || source.Facts.Length is null)
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

            // Without a validator the rest could be of another object.
            if (++_losses > MostLosses || !source.Facts.Ranges || source.Facts.Condition is null)
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

    private async Task SkipAsync(long count, CancellationToken cancellationToken)
    {
        var scratch = ArrayPool<byte>.Shared.Rent(128 * 1024);
        try
        {
            while (count > 0)
            {
                var read = await source.ReadAsync(_body!, scratch.AsMemory(0, (int)Math.Min(count, scratch.Length)), cancellationToken);
                if (read == 0)
                {
                    if (source.Facts.Length is not null)
                        throw source.Fault(StoreError.Unavailable, "The server ended the transfer before the object's end.");
                    return;
                }

                count -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }
}
