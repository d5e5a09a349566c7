using System.Runtime.InteropServices;
using GlanceGateway.Fuse;
using Microsoft.Win32.SafeHandles;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace GlanceGateway.View;

/// <summary>What .NET does not offer for an open file.</summary>
internal static unsafe partial class NativeFile
{
    private const int AtEmptyPath = 0x1000;
    private const uint StatxBlocks = 0x400;
    private const int BlocksOffset = 48; // stx_blocks in struct statx, which is the same on every architecture
    private const int StatxBytes = 256;

    /// <summary>Bytes a file occupies on its disk, or -1 when that cannot be told.</summary>
    internal static long AllocatedBytes(SafeFileHandle file)
    {
        byte* result = stackalloc byte[StatxBytes];
        byte empty = 0;
        return Statx(file, &empty, AtEmptyPath, StatxBlocks, result) == 0 ? *(long*)(result + BlocksOffset) * 512 : -1;
    }

    /// <summary>Finds data or a hole. Moves the offset of the descriptor, which nobody uses: all reads name theirs.</summary>
    internal static Errno Seek(SafeFileHandle file, long offset, SeekKind kind, out long result)
    {
        result = LSeek(file, offset, (int)kind);
        return result >= 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long LSeek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int Statx(SafeFileHandle file, byte* path, int flags, uint mask, byte* result);
}
