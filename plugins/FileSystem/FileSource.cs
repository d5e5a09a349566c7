using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>An open image file. The descriptor outlives the name: a deleted image can still be read to its end.</summary>
internal class FileSource(SafeFileHandle file, FileStatus opened, int requestSize) : IByteSource, IExtentMap
{
    public long? Length => opened.Size;

    public string Validator { get; } = $"{opened.Inode:x}-{opened.ModifiedSeconds:x}.{opened.ModifiedNanoseconds:x}-{opened.Size:x}";

    public ByteSourceHints Hints { get; } = new(BestRequestSize: requestSize, Parallelism: 4, Ranges: true);

    protected SafeFileHandle File => file;

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            int read;
            try
            {
                read = await RandomAccess.ReadAsync(file, buffer[total..], offset + total, cancellationToken);
            }
            catch (Exception exception) when (exception is IOException or NotSupportedException)
            {
                throw Linux.Fault(Linux.ErrorOf(exception), "The image could not be read");
            }

            if (read == 0)
                break;
            total += read;
        }

        // Looked at after the read, so that bytes of a changed file never leave as if they were the image's. Measured at 1.2 µs of CPU, beside
        // 2.6 for a read of 4 KiB and 15 for one of 256 KiB; sendfile and passthrough do not come this way.
        ThrowIfChanged();
        return total;
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfChanged();
        return ValueTask.FromResult<Stream>(new ByteSourceStream(this, offset, length));
    }

    public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, opened.Size);
        cancellationToken.ThrowIfCancellationRequested();

        // Both seeks move the shared file position, which nothing else uses: every read names its offset.
        var error = Linux.FindData(file, offset, out var data);
        if (error == Linux.ENXIO)
            return ValueTask.FromResult(new Extent(offset, opened.Size - offset, IsHole: true));
        if (error == 0 && data > offset)
            return ValueTask.FromResult(new Extent(offset, Math.Min(data, opened.Size) - offset, IsHole: true));

        // A filesystem without these seeks says EINVAL: then all is data.
        if (error == 0)
            error = Linux.FindHole(file, offset, out data);
        if (error is not (0 or Linux.EINVAL))
            throw Linux.Fault(error, "The holes of the image could not be found");
        var end = error == 0 ? Math.Min(data, opened.Size) : opened.Size;
        return ValueTask.FromResult(new Extent(offset, end - offset, IsHole: false));
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }

    private void ThrowIfChanged()
    {
        var error = Linux.Stat(file, out var now);
        if (error != 0)
            throw Linux.Fault(error, "The image could not be examined");
        if (now.Size != opened.Size || now.ModifiedSeconds != opened.ModifiedSeconds || now.ModifiedNanoseconds != opened.ModifiedNanoseconds)
            throw new StoreException(StoreError.Changed, "The image's file was written to after it was opened.");
    }
}
