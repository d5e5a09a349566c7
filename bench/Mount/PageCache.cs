using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace GlanceGateway.Bench;

/// <summary>The kernel's cache of a file.</summary>
internal static partial class PageCache
{
    private const int DontNeed = 4; // POSIX_FADV_DONTNEED on Linux

    /// <summary>Drops the pages cached for a file. On a mounted image these are the mount's own, the file behind it stays cached.</summary>
    public static void Drop(SafeFileHandle file)
    {
        if (Advise(file, 0, 0, DontNeed) is not 0 and var error)
        {
            throw new Win32Exception(error);
        }
    }

    /// <summary>Reads a file to its end, so that it is cached.</summary>
    public static void Warm(SafeFileHandle file)
    {
        var buffer = new byte[1 << 20];
        int count;
        for (long at = 0; (count = RandomAccess.Read(file, buffer, at)) > 0;)
        {
            at += count;
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
