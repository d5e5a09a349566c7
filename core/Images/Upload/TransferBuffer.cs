using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;

namespace GlanceGateway.Images;

/// <summary>
/// A buffer that lies on a page's boundary and never moves, passed on from transfer to transfer. A driver can hand such memory to the device as
/// it is (O_DIRECT), without a copy by the processor.
/// </summary>
/// <remarks>Not native memory: a driver that still reads after its call was given up must find stale bytes, not an unmapped page.</remarks>
internal sealed class TransferBuffer : IDisposable
{
    private const int PageBytes = 4096;
    private const long MostSpareBytes = 16L * 1024 * 1024;

    // One for each power of two.
    private static readonly ConcurrentQueue<TransferBuffer>[] spares = [.. Enumerable.Range(0, 32).Select(_ => new ConcurrentQueue<TransferBuffer>())];
    private static long spareBytes;

    private int rented;

    private TransferBuffer(int size)
    {
        var array = GC.AllocateUninitializedArray<byte>(size + PageBytes, pinned: true);
        Memory = array.AsMemory((int)(-Marshal.UnsafeAddrOfPinnedArrayElement(array, 0) & (PageBytes - 1)), size);
    }

    /// <summary>The whole of it; not to be used after the buffer was given back.</summary>
    public Memory<byte> Memory { get; }

    /// <summary>Takes one, with whatever it held last.</summary>
    /// <param name="size">Bytes, a power of two.</param>
    public static TransferBuffer Rent(int size)
    {
        if (spares[BitOperations.Log2((uint)size)].TryDequeue(out var buffer))
        {
            Interlocked.Add(ref spareBytes, -size);
        }
        else
        {
            buffer = new TransferBuffer(size);
        }

        buffer.rented = 1;
        return buffer;
    }

    /// <summary>Gives it back. 16 MiB in all are kept, the rest is left to the garbage collector.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref rented, 0) == 0)
        {
            return;
        }

        if (Interlocked.Add(ref spareBytes, Memory.Length) <= MostSpareBytes)
        {
            spares[BitOperations.Log2((uint)Memory.Length)].Enqueue(this);
        }
        else
        {
            Interlocked.Add(ref spareBytes, -Memory.Length);
        }
    }
}
