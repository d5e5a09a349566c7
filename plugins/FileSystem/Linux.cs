using System.Runtime.InteropServices;
using GlanceGateway.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>The system calls that .NET does not offer. Each returns 0 or the error number, read at once after the call.</summary>
internal static partial class Linux
{
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int EIO = 5;
    public const int ENXIO = 6;
    public const int EACCES = 13;
    public const int EEXIST = 17;
    public const int EXDEV = 18;
    public const int ENODEV = 19;
    public const int EINVAL = 22;
    public const int EFBIG = 27;
    public const int ENOSPC = 28;
    public const int EROFS = 30;
    public const int EMLINK = 31;
    public const int ENOSYS = 38;
    public const int ELOOP = 40;
    public const int EOPNOTSUPP = 95;
    public const int ENOTCONN = 107;
    public const int ESHUTDOWN = 108;
    public const int ETIMEDOUT = 110;
    public const int EHOSTDOWN = 112;
    public const int EHOSTUNREACH = 113;
    public const int ESTALE = 116;
    public const int EREMOTEIO = 121;
    public const int EDQUOT = 122;
    public const int ENOMEDIUM = 123;

    private const int WriteAccess = 2;
    private const int StatfsSize = 256;

    private const int AtEmptyPath = 0x1000;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint StatxBasicStats = 0x7ff;
    private const int SeekData = 3;
    private const int SeekHole = 4;

    private const int ReadOnly = 0;
    private const int ReadWrite = 2;
    private const int Create = 0x40;
    private const int Exclusive = 0x80;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;

    private const int GetStatusFlags = 3;
    private const int SetStatusFlags = 4;

    // The flags whose values differ between the architectures that .NET runs on.
    private static readonly bool ArmFlags = RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64;
    private static readonly int DirectoryOnly = ArmFlags ? 0x4000 : 0x10000;
    private static readonly int NoFollow = ArmFlags ? 0x8000 : 0x20000;
    private static readonly int Direct = ArmFlags ? 0x10000 : 0x4000;

    /// <summary>Opens a directory, for the calls below and for its fsync.</summary>
    public static int OpenDirectory(string path, out SafeFileHandle handle)
    {
        handle = open(path, ReadOnly | DirectoryOnly | CloseOnExec, 0);
        return ErrorOf(handle);
    }

    /// <summary>Opens for reading, never through a symbolic link and never waiting for the other end of a pipe.</summary>
    public static int OpenForReading(SafeFileHandle directory, string name, out SafeFileHandle handle)
    {
        handle = openat(directory, name, ReadOnly | NoFollow | NonBlocking | CloseOnExec, 0);
        return ErrorOf(handle);
    }

    /// <summary>Creates a file of mode 0640 less the umask; the name must be free.</summary>
    public static int CreateNew(SafeFileHandle directory, string name, out SafeFileHandle handle)
    {
        handle = openat(directory, name, ReadWrite | Create | Exclusive | NoFollow | CloseOnExec, 0x1a0);
        return ErrorOf(handle);
    }

    /// <summary>Gives a file a second name; never replaces one.</summary>
    public static int Link(SafeFileHandle directory, string name, string newName) =>
        linkat(directory, name, directory, newName, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Removes a name.</summary>
    public static int Unlink(SafeFileHandle directory, string name) =>
        unlinkat(directory, name, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Sets the mode, whatever the umask.</summary>
    public static int ChangeMode(SafeFileHandle handle, UnixFileMode mode) => fchmod(handle, (uint)mode) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Says whether writes go past the page cache from now on (O_DIRECT).</summary>
    public static int SetDirect(SafeFileHandle handle, bool isDirect)
    {
        var flags = fcntl(handle, GetStatusFlags, 0);
        return flags >= 0 && fcntl(handle, SetStatusFlags, isDirect ? flags | Direct : flags & ~Direct) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>0 when files can be made in the directory; EROFS and EACCES are the usual other answers.</summary>
    public static int CheckWritable(SafeFileHandle directory) => faccessat(directory, ".", WriteAccess, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>The number of the filesystem's kind, as in linux/magic.h.</summary>
    public static unsafe int KindOf(SafeFileHandle handle, out uint magic)
    {
        // struct statfs is at most 120 bytes on Linux. f_type is its first field: a word, whose lower half is all that was ever assigned, or on
        // s390x a 32-bit number.
        var buffer = stackalloc byte[StatfsSize];
        var error = fstatfs(handle, buffer) == 0 ? 0 : Marshal.GetLastPInvokeError();
        magic = BitConverter.IsLittleEndian || RuntimeInformation.ProcessArchitecture == Architecture.S390x ? *(uint*)buffer : (uint)*(ulong*)buffer;
        return error;
    }

    /// <summary>Makes a file or directory durable.</summary>
    public static int Sync(SafeFileHandle handle) => fsync(handle) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Describes an open file.</summary>
    public static int Stat(SafeFileHandle handle, out FileStatus status) => Statx(handle, "", AtEmptyPath, out status);

    /// <summary>Describes a name; a symbolic link is described itself.</summary>
    public static int Stat(SafeFileHandle directory, string name, out FileStatus status) =>
        Statx(directory, name, AtSymlinkNoFollow, out status);

    /// <summary>The first byte of data at or after an offset; <see cref="ENXIO"/> when only a hole follows.</summary>
    public static int FindData(SafeFileHandle handle, long offset, out long found) => Seek(handle, offset, SeekData, out found);

    /// <summary>The first hole at or after an offset; the end of the file counts as one.</summary>
    public static int FindHole(SafeFileHandle handle, long offset, out long found) => Seek(handle, offset, SeekHole, out found);

    /// <summary>What an error number means as an expected outcome; null when it is a fault.</summary>
    public static StoreOutcome? OutcomeOf(int error) => error switch
    {
        0 => StoreOutcome.Ok,
        ENOENT => StoreOutcome.Absent,
        EEXIST => StoreOutcome.Duplicate,
        ENOSPC or EDQUOT or EFBIG => StoreOutcome.Full,
        EACCES or EPERM or EROFS => StoreOutcome.Denied,
        _ => null,
    };

    /// <summary>Whether it says that the filesystem itself does not serve: a disk that fails, a share that went away.</summary>
    public static bool IsOutage(int error) =>
        error is EIO or ENODEV or EREMOTEIO or ENOMEDIUM or ENOTCONN or ESHUTDOWN or ETIMEDOUT or EHOSTDOWN or EHOSTUNREACH or ESTALE;

    /// <summary>
    /// The error number of what .NET throws for a file. It asks once for each descriptor whether one can seek in it and takes every failure for a no,
    /// so on a filesystem that is down it says that the file does not support seeking.
    /// </summary>
    public static int ErrorOf(Exception exception) => exception is NotSupportedException ? EIO : exception.HResult;

    /// <summary>An error number as a fault.</summary>
    public static StoreException Fault(int error, string what, string? key = null) =>
        new(IsOutage(error) ? StoreError.Unavailable : StoreError.Unexpected, $"{what}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error}).", key);

    private static int Statx(SafeFileHandle directory, string name, int flags, out FileStatus status)
    {
        if (statx(directory, name, flags, StatxBasicStats, out var raw) != 0)
        {
            status = default;
            return Marshal.GetLastPInvokeError();
        }

        status = new FileStatus(
            ((ulong)raw.DeviceMajor << 32) | raw.DeviceMinor,
            raw.Inode,
            (raw.Mode & 0xf000) == 0x8000,
            (long)raw.Size,
            (long)raw.Blocks * 512,
            raw.ModifiedSeconds,
            raw.ModifiedNanoseconds);
        return 0;
    }

    private static int Seek(SafeFileHandle handle, long offset, int whence, out long found)
    {
        found = lseek(handle, offset, whence);
        return found >= 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    private static int ErrorOf(SafeFileHandle handle)
    {
        if (!handle.IsInvalid)
            return 0;
        var error = Marshal.GetLastPInvokeError();
        handle.Dispose();
        return error;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle open(string path, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle openat(SafeFileHandle directory, string name, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int linkat(SafeFileHandle directory, string name, SafeFileHandle newDirectory, string newName, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int unlinkat(SafeFileHandle directory, string name, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int faccessat(SafeFileHandle directory, string name, int mode, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchmod(SafeFileHandle handle, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int fstatfs(SafeFileHandle handle, byte* buffer);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(SafeFileHandle handle, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(SafeFileHandle handle);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(SafeFileHandle handle, long offset, int whence);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(SafeFileHandle directory, string name, int flags, uint mask, out StatxBuffer buffer);

    // struct statx of linux/stat.h: unlike struct stat it is laid out the same on every architecture.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatxBuffer
    {
        [FieldOffset(28)]
        public ushort Mode;
        [FieldOffset(32)]
        public ulong Inode;
        [FieldOffset(40)]
        public ulong Size;
        [FieldOffset(48)]
        public ulong Blocks;
        [FieldOffset(112)]
        public long ModifiedSeconds;
        [FieldOffset(120)]
        public uint ModifiedNanoseconds;
        [FieldOffset(136)]
        public uint DeviceMajor;
        [FieldOffset(140)]
        public uint DeviceMinor;
    }
}
