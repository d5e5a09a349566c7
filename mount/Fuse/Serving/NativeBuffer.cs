using System.Buffers;
using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>Page-aligned memory outside the managed heap: no pinning, no fragmentation, and fit for direct I/O.</summary>
internal sealed unsafe class NativeBuffer : MemoryManager<byte>
{
    private byte* _address;

    internal NativeBuffer(int capacity)
    {
        _address = (byte*)NativeMemory.AlignedAlloc((nuint)capacity, 4096);
        Capacity = capacity;
    }

    internal int Capacity { get; }

    internal byte* Address => _address;

    public override Span<byte> GetSpan() => new(_address, Capacity);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_address + elementIndex);

    public override void Unpin()
    {
    }

    /// <summary>Gives the memory back. There is no finalizer: a span over it would not keep the buffer alive.</summary>
    internal void Free() => Dispose(true);

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(_address);
        _address = null;
    }
}
