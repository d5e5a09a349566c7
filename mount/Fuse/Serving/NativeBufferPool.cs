using System.Collections.Concurrent;

namespace GlanceGateway.Fuse;

/// <summary>
/// Buffers for reads that wait. Two sizes: most reads of the page cache are at most 128 KiB, the largest is what was
/// negotiated. Up to 32 of each stay; the number in use is bounded by the requests the kernel keeps in flight.
/// </summary>
internal sealed class NativeBufferPool(int largest) : IDisposable
{
    private const int Small = 128 * 1024;
    private const int Kept = 32;

    private readonly ConcurrentQueue<NativeBuffer> _small = new();
    private readonly ConcurrentQueue<NativeBuffer> _large = new();
    private volatile bool _closed;

    public void Dispose()
    {
        _closed = true;
        Drain(_small);
        Drain(_large);
    }

    internal NativeBuffer Rent(int size)
    {
        bool small = size <= Small;
        return size <= largest && (small ? _small : _large).TryDequeue(out NativeBuffer? buffer) && buffer.Capacity >= size
            ? buffer
            : new NativeBuffer(small ? Small : Math.Max(size, largest));
    }

    internal void Return(NativeBuffer buffer)
    {
        ConcurrentQueue<NativeBuffer> queue = buffer.Capacity <= Small ? _small : _large;
        if (_closed || buffer.Capacity > Math.Max(largest, Small) || queue.Count >= Kept)
        {
            buffer.Free();
            return;
        }

        queue.Enqueue(buffer);
        if (_closed)
        {
            Drain(queue);
        }
    }

    private static void Drain(ConcurrentQueue<NativeBuffer> queue)
    {
        while (queue.TryDequeue(out NativeBuffer? buffer))
        {
            buffer.Free();
        }
    }
}
