using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.View.Tests;

/// <summary>A local file.</summary>
internal sealed class FileBytes(string path) : IByteSource, ILocalFile
{
    private static int s_open;

    /// <summary>How many are not disposed.</summary>
    internal static int Open => Volatile.Read(ref s_open);

    public SafeFileHandle Handle { get; } = Enter(path);

    public long? Length => RandomAccess.GetLength(Handle);

    public string? Validator => null;

    public ByteSourceHints Hints { get; } = new(1 << 20, 1, Ranges: true);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => RandomAccess.ReadAsync(Handle, buffer, offset, cancellationToken);

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) => throw new InvalidOperationException("not asked for by a mount");

    public ValueTask DisposeAsync()
    {
        Interlocked.Decrement(ref s_open);
        Handle.Dispose();
        return ValueTask.CompletedTask;
    }

    private static SafeFileHandle Enter(string path)
    {
        SafeFileHandle handle = File.OpenHandle(path);
        Interlocked.Increment(ref s_open);
        return handle;
    }
}

/// <summary>Bytes that come later, as from a network.</summary>
internal sealed class MemoryBytes(byte[] bytes) : IByteSource, IExtentMap
{
    private int _disposed;

    /// <summary>Reads fail with it when set.</summary>
    internal Func<Exception?> Failure { get; set; } = () => null;

    /// <summary>Reads wait for it when set.</summary>
    internal Func<Task> Gate { get; set; } = () => Task.CompletedTask;

    /// <summary>Reads give this many bytes less than they should.</summary>
    internal int Missing { get; set; }

    /// <summary>Runs of zeros that occupy nothing; without them all is data.</summary>
    internal (long Start, long End)[] Holes { get; set; } = [];

    /// <summary>Whether the extents are at hand or come later.</summary>
    internal bool ExtentsAtHand { get; set; } = true;

    internal long? KnownLength { get; set; } = bytes.Length;

    public long? Length => KnownLength;

    public string? Validator => null;

    public ByteSourceHints Hints { get; } = new(1 << 20, 8, Ranges: true);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        await Task.Yield();
        await Gate().WaitAsync(cancellationToken);
        if (Failure() is { } failure)
        {
            throw failure;
        }

        int count = (int)Math.Clamp(bytes.Length - offset - Missing, 0, buffer.Length);
        bytes.AsSpan((int)Math.Min(offset, bytes.Length), count).CopyTo(buffer.Span);
        return count;
    }

    public async ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken)
    {
        if (!ExtentsAtHand)
        {
            await Task.Delay(50, cancellationToken);
        }

        foreach ((long start, long end) in Holes)
        {
            if (offset < start)
            {
                return new Extent(offset, start - offset, IsHole: false);
            }

            if (offset < end)
            {
                return new Extent(offset, end - offset, IsHole: true);
            }
        }

        return new Extent(offset, bytes.Length - offset, IsHole: false);
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) => throw new InvalidOperationException("not asked for by a mount");

    public ValueTask DisposeAsync()
    {
        Volatile.Write(ref _disposed, 1);
        return ValueTask.CompletedTask;
    }
}
