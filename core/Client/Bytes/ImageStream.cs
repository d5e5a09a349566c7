using System.Buffers;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Client;

/// <summary>A forward reader of an image at an endpoint. It ends early only with an exception.</summary>
internal sealed class ImageStream(ImageByteSource source, long offset, long end) : Stream
{
    private HttpResponseMessage? _answer;
    private Stream? _body;
    private long _offset = offset;
    private long _movedAt = source.Transport.Time.GetTimestamp();
    private int _attempt;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException("A forward stream does not tell its length.");

    public override long Position
    {
        get => throw new NotSupportedException("A forward stream has no position.");
        set => throw new NotSupportedException("A forward stream has no position.");
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (end - _offset < buffer.Length)
            buffer = buffer[..(int)(end - _offset)];
        if (buffer.IsEmpty)
            return 0;
        while (true)
        {
            try
            {
                if (_body is null)
                    await ConnectAsync(cancellationToken);
                var read = await ReadBodyAsync(buffer, cancellationToken);
                if (read == 0)
                    throw new IOException($"The body ends at byte {_offset} of {end}.");
                (_offset, _attempt, _movedAt) = (_offset + read, 0, source.Transport.Time.GetTimestamp());
                return read;
            }
            catch (Exception fault) when (fault is IOException or HttpRequestException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                await DropAsync();
                if (!source.Hints.Ranges || source.Transport.Time.GetElapsedTime(_movedAt) >= source.Transport.Options.Patience)
                    throw new StoreException(StoreError.Unavailable, $"Image {source.Image.Id} broke off at byte {_offset}: {ClientHttp.Describe(fault)}", source.Image.Id);
                source.Transport.Logger.Resumed(source.Image.Id, _offset, ClientHttp.Describe(fault));
                await Task.Delay(source.Transport.DelayOf(_attempt++), source.Transport.Time, cancellationToken);
            }
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("Read it asynchronously: a blocked thread per download does not scale.");

    public override async ValueTask DisposeAsync()
    {
        await DropAsync();
        await base.DisposeAsync();
    }

    public override void Flush()
    {
        // Nothing is buffered.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A forward stream cannot seek.");

    public override void SetLength(long value) => throw new NotSupportedException("An image is never written here.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("An image is never written here.");

    /// <summary>Asks for the rest.</summary>
    internal async Task ConnectAsync(CancellationToken cancellationToken)
    {
        var patience = source.Transport.Options.Patience - source.Transport.Time.GetElapsedTime(_movedAt);
        (_answer, var begin) = await source.RequestAsync(_offset, end, patience > TimeSpan.Zero ? patience : TimeSpan.Zero, cancellationToken);
        try
        {
            _body = await _answer.Content.ReadAsStreamAsync(cancellationToken);
            await SkipAsync(_offset - begin, cancellationToken);
        }
        catch
        {
            await DropAsync();
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _body?.Dispose();
            _answer?.Dispose();
            (_body, _answer) = (null, null);
        }

        base.Dispose(disposing);
    }

    private async Task SkipAsync(long bytes, CancellationToken cancellationToken)
    {
        if (bytes == 0)
            return;
        var waste = ArrayPool<byte>.Shared.Rent(256 << 10);
        try
        {
            while (bytes > 0)
            {
                var read = await ReadBodyAsync(waste.AsMemory(0, (int)Math.Min(waste.Length, bytes)), cancellationToken);
                if (read == 0)
                    throw new IOException($"The body ends before byte {_offset}.");
                bytes -= read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(waste);
        }
    }

    private async ValueTask<int> ReadBodyAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(source.Transport.Options.StallTimeout);
        try
        {
            return await _body!.ReadAsync(buffer, deadline.Token);
        }
        catch (OperationCanceledException fault) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"The endpoint sent nothing for {source.Transport.Options.StallTimeout.TotalSeconds} s.", fault);
        }
    }

    private async ValueTask DropAsync()
    {
        if (_body is { } body)
        {
            _body = null;
            await body.DisposeAsync();
        }

        _answer?.Dispose();
        _answer = null;
    }
}
