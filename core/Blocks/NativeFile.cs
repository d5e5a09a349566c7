using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace GlanceGateway.Blocks;

/// <summary>What .NET does not offer for an open file.</summary>
internal static unsafe partial class NativeFile
{
    private const int KeepSize = 1;
    private const int PunchHole = 2;
    private const int AtEmptyPath = 0x1000;
    private const uint StatxBlocks = 0x400;
    private const int BlocksOffset = 48; // stx_blocks in struct statx, which is the same on every architecture
    private const int StatxBytes = 256;

    /// <summary>Bytes that a file occupies on its disk; its length when the filesystem does not tell.</summary>
    public static long AllocatedBytes(SafeFileHandle file)
    {
        var result = stackalloc byte[StatxBytes];
        byte empty = 0;
        return Statx(file, &empty, AtEmptyPath, StatxBlocks, result) == 0 ? *(long*)(result + BlocksOffset) * 512 : RandomAccess.GetLength(file);
    }

    /// <summary>Gives a range back to the disk; it reads as zeros from then on.</summary>
    /// <returns>False when the filesystem cannot.</returns>
    public static bool TryPunch(SafeFileHandle file, long offset, long length) => Allocate(file, PunchHole | KeepSize, offset, length) == 0;

    [LibraryImport("libc", EntryPoint = "fallocate")]
    private static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "statx")]
    private static partial int Statx(SafeFileHandle file, byte* path, int flags, uint mask, byte* result);
}
