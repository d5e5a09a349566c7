using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>Blocks of native memory for writes in flight, which uploads pass on to each other; some spare ones are kept.</summary>
internal sealed unsafe class NativeBuffers(int size, int keep) : IDisposable
{
    private const int PageSize = 4096;
    private readonly ConcurrentBag<nint> spare = [];
    private volatile bool disposed;

    /// <summary>Bytes of each.</summary>
    public int Size => size;

    public nint Take() => spare.TryTake(out var buffer) ? buffer : (nint)NativeMemory.AlignedAlloc((nuint)size, PageSize);

    public void Return(nint buffer)
    {
        if (disposed || spare.Count >= keep)
            NativeMemory.AlignedFree((void*)buffer);
        else
            spare.Add(buffer);
    }

    public void Dispose()
    {
        disposed = true;
        while (spare.TryTake(out var buffer))
            NativeMemory.AlignedFree((void*)buffer);
    }
}
