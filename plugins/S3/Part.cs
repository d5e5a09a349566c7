using System.Collections.Concurrent;

namespace GlanceGateway.Plugins.S3;

/// <summary>One part's bytes until the server has them: a request needs its length before its first byte, and all of them again for a retry.</summary>
internal abstract class Part : IDisposable
{
    /// <summary>Bytes so far.</summary>
    public long Length { get; protected set; }

    public abstract ValueTask AppendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken);

    /// <summary>A seekable stream over the bytes, the caller's to dispose before the part.</summary>
    public abstract Stream OpenRead();

    public abstract void Dispose();
}

/// <summary>
/// Makes parts. Those up to 16 MiB are in memory, in buffers that the store's uploads pass on to each other; larger ones, which only images
/// beyond some 10 GiB of unknown or 150 GiB of known size have, are files in the store's scratch directory.
/// </summary>
internal sealed class PartBuffers(long partSize, int keep, string scratchDirectory)
{
    private const long LargestInMemory = 16 * 1024 * 1024;
    private readonly ConcurrentBag<byte[]> spare = [];

    /// <summary>A part for up to <paramref name="size"/> bytes.</summary>
    public Part Make(long size) => size > LargestInMemory ? new FilePart(scratchDirectory) : new MemoryPart(this, (int)size);

    private byte[] Take(int size) =>
        size == partSize && spare.TryTake(out var buffer) ? buffer : GC.AllocateUninitializedArray<byte>(size);

    private void Return(byte[] buffer)
    {
        if (buffer.Length == partSize && spare.Count < keep)
            spare.Add(buffer);
    }

    private sealed class MemoryPart(PartBuffers owner, int size) : Part
    {
        private byte[]? buffer = owner.Take(size);

        public override ValueTask AppendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
        {
            data.Span.CopyTo(buffer.AsSpan((int)Length));
            Length += data.Length;
            return ValueTask.CompletedTask;
        }

        public override Stream OpenRead() => new MemoryStream(buffer!, 0, (int)Length, writable: false);

        public override void Dispose()
        {
            if (Interlocked.Exchange(ref buffer, null) is { } returned)
                owner.Return(returned);
        }
    }

    private sealed class FilePart(string directory) : Part
    {
        private readonly FileStream file = new(
            Path.Combine(directory, $"part-{Guid.NewGuid():N}"),
            new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                Options = FileOptions.Asynchronous | FileOptions.DeleteOnClose,
            });

        public override async ValueTask AppendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
        {
            await file.WriteAsync(data, cancellationToken);
            Length += data.Length;
        }

        public override Stream OpenRead() =>
            new FileStream(file.Name, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 128 * 1024, useAsync: true);

        public override void Dispose() => file.Dispose();
    }
}

/// <summary>A part's stream that tells when the server takes bytes.</summary>
internal sealed class WatchedStream(Stream inner, Action moved) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => inner.Length;

    public override long Position
    {
        get => inner.Position;
        set => inner.Position = value;
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        moved();
        return inner.Read(buffer, offset, count);
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        moved();
        return inner.ReadAsync(buffer, cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

    public override void Flush()
    {
        // Only read.
    }

    public override void SetLength(long value) => throw new NotSupportedException("A part is not written through its stream.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A part is not written through its stream.");

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
