using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;

namespace GlanceGateway.Plugins.Swift;

/// <summary>A segment whose bytes are collected in memory, so that it can be sent beside others and again when a try fails.</summary>
internal sealed class MemorySegment(SegmentBuffers owner, int size) : IDisposable
{
    private byte[]? _buffer = owner.Take(size);

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>Takes as much as fits.</summary>
    /// <returns>Bytes taken.</returns>
    public int Append(ReadOnlySpan<byte> data)
    {
        var count = Math.Min(data.Length, size - Length);
        data[..count].CopyTo(_buffer.AsSpan(Length));
        Length += count;
        return count;
    }

    /// <summary>A request's body over the bytes; the segment must live longer.</summary>
    public HttpContent ToContent() => new ByteArrayContent(_buffer!, 0, Length);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } returned)
            owner.Return(returned);
    }
}

/// <summary>Buffers that the uploads of a store pass on to each other.</summary>
internal sealed class SegmentBuffers(long segmentSize, int keep)
{
    /// <summary>Larger segments, which only images of more than some 10 GiB have, are sent as they come.</summary>
    public const long LargestInMemory = 16 * 1024 * 1024;
    private readonly ConcurrentBag<byte[]> _spare = [];

    public byte[] Take(int size) => size == segmentSize && _spare.TryTake(out var buffer) ? buffer : GC.AllocateUninitializedArray<byte>(size);

    public void Return(byte[] buffer)
    {
        if (buffer.Length == segmentSize && _spare.Count < keep)
            _spare.Add(buffer);
    }
}

/// <summary>A segment too large for memory: its request runs while its bytes come, at most 4 MiB ahead of the network.</summary>
internal sealed class StreamedSegment : IAsyncDisposable
{
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 4 << 20, resumeWriterThreshold: 2 << 20, useSynchronizationContext: false));
    private readonly CancellationTokenSource _ending;
    private readonly Task<HttpResponseMessage> _sending;

    public StreamedSegment(SwiftConnection connection, string path, CancellationToken ending)
    {
        _ending = CancellationTokenSource.CreateLinkedTokenSource(ending);
        _sending = SendAsync(connection, path);
    }

    /// <summary>Bytes so far.</summary>
    public long Length { get; private set; }

    /// <summary>Passes bytes on.</summary>
    /// <returns>False when the request has ended already, with an answer that <see cref="FinishAsync"/> gives.</returns>
    public async ValueTask<bool> AppendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        var flushed = await _pipe.Writer.WriteAsync(data, cancellationToken);
        Length += data.Length;
        return !flushed.IsCompleted;
    }

    /// <summary>Ends the body and waits for the answer, the caller's to dispose.</summary>
    /// <param name="patience">How long the server may take once it has all bytes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">The caller's.</param>
    public async Task<HttpResponseMessage> FinishAsync(TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        await _pipe.Writer.CompleteAsync();
        return await _sending.WaitAsync(patience, time, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _pipe.Writer.CompleteAsync(new OperationCanceledException());
        await ((Task)_sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_sending.IsCompletedSuccessfully)
            (await _sending).Dispose();
        _ending.Dispose();
    }

    private async Task<HttpResponseMessage> SendAsync(SwiftConnection connection, string path)
    {
        await Task.Yield();
        try
        {
            return await connection.SendOnceAsync(path, () => new PipeContent(_pipe.Reader), _ending.Token);
        }
        finally
        {
            // A writer that waits for room would wait for ever.
            await _pipe.Reader.CompleteAsync();
        }
    }

    /// <summary>What comes through a pipe as a chunked body.</summary>
    private sealed class PipeContent(PipeReader reader) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => reader.CopyToAsync(stream);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            reader.CopyToAsync(stream, cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
