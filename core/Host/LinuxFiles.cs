using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Host;

/// <summary>The calls of libc for which .NET has no way: a lock that a second reader can see behind, and making a rename durable.</summary>
/// <remarks>A <see cref="FileStream"/> takes a shared flock even to read, so the text in a locked file could not be shown to whoever is refused.</remarks>
internal static partial class LinuxFiles
{
    /// <summary>Makes a mount point that is missing. One where something is mounted is not looked at: a mount that nobody serves answers nobody.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static void MakeMountPoint(string directory)
    {
        if (!LinuxUsers.IsMountPoint(directory))
        {
            Directory.CreateDirectory(directory);
        }
    }

    private const int ReadWrite = 0x2;
    private const int Create = 0x40;
    private const int CloseOnExec = 0x80000;
    private const int ExclusiveLock = 0x2;
    private const int WithoutWaiting = 0x4;
    private const int WouldBlock = 11;

    /// <summary>Opens a file for reading and writing, making it with mode 0600 when missing. It is not inherited by child processes.</summary>
    /// <exception cref="IOException">The file cannot be opened; the message holds the system's words.</exception>
    public static SafeFileHandle OpenPrivate(string path) => Open(path, ReadWrite | Create | CloseOnExec);

    /// <summary>Takes the exclusive lock of an open file; it ends with the handle, and with the process however that ends.</summary>
    /// <returns>False when somebody else holds it.</returns>
    /// <exception cref="IOException">The filesystem has no locks.</exception>
    public static bool TryLock(SafeFileHandle file, string path)
    {
        if (Flock(file, ExclusiveLock | WithoutWaiting) == 0)
        {
            return true;
        }

        var error = Marshal.GetLastPInvokeError();
        return error == WouldBlock ? false : throw Fault("lock", path, error);
    }

    /// <summary>Makes the names in a directory durable: after a rename the file's content is safe, its name is not yet.</summary>
    /// <exception cref="IOException">The directory cannot be opened or synchronised.</exception>
    public static void SynchroniseDirectory(string path)
    {
        using var directory = Open(path, CloseOnExec);
        if (Fsync(directory) != 0)
        {
            throw Fault("synchronise", path, Marshal.GetLastPInvokeError());
        }
    }

    private static SafeFileHandle Open(string path, int flags)
    {
        var descriptor = OpenFile(path, flags, 0x180);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Fault("open", path, Marshal.GetLastPInvokeError());
    }

    private static IOException Fault(string action, string path, int error) =>
        new($"cannot {action} {path}: {Marshal.GetPInvokeErrorMessage(error)}");

    // The third parameter is variadic in C; on x86-64 and AArch64 Linux such an argument travels in the same register.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenFile(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Flock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Fsync(SafeFileHandle file);
}
