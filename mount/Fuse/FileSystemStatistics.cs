using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>What statfs(2) and df(1) show.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct FileSystemStatistics
{
    /// <summary>Statistics with blocks of 4 KiB.</summary>
    public FileSystemStatistics()
    {
    }

    /// <summary>Size of all content in bytes, rounded up to blocks.</summary>
    public long TotalBytes { get; init; }

    /// <summary>Free space in bytes.</summary>
    public long FreeBytes { get; init; }

    /// <summary>Number of nodes.</summary>
    public long Files { get; init; }

    /// <summary>Block size in bytes.</summary>
    public uint BlockSizeBytes { get; init; } = 4096;

    internal StatFsOut ToWire()
    {
        uint block = BlockSizeBytes == 0 ? 4096 : BlockSizeBytes;
        return new StatFsOut
        {
            Blocks = ((ulong)TotalBytes + block - 1) / block,
            FreeBlocks = (ulong)FreeBytes / block,
            AvailableBlocks = (ulong)FreeBytes / block,
            Files = (ulong)Files,
            BlockSize = block,
            FragmentSize = block,
            NameLength = Wire.LongestName,
        };
    }
}
