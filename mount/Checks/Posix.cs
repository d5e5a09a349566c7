using System.Runtime.InteropServices;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace GlanceGateway.MountChecks;

/// <summary>The calls into libc, and the numbers of 64-bit Linux (x86-64 and arm64) that go with them.</summary>
internal static unsafe partial class Posix
{
    public const int ReadOnly = 0, WriteOnly = 1, ReadWrite = 2;
    public const int Create = 0x40, Exclusive = 0x80, Truncate = 0x200, Append = 0x400, NonBlocking = 0x800, NoAccessTime = 0x40000, CloseOnExec = 0x80000, PathOnly = 0x200000;
    public const int SeekSet = 0, SeekEnd = 2, SeekData = 3, SeekHole = 4;
    public const int ProtectRead = 1, ProtectWrite = 2, MapShared = 1, MapPrivate = 2;
    public const int DropPages = 4; // POSIX_FADV_DONTNEED
    public const int LockShared = 1, LockExclusive = 2, LockNonBlocking = 4;
    public const int GetOpenFileLock = 36, SetOpenFileLock = 37;
    public const ulong BlockDeviceSize = 0x80081272, SectorSize = 0x1268;

    public const int EPERM = 1, ENOENT = 2, EIO = 5, ENXIO = 6, EBADF = 9, EACCES = 13, EEXIST = 17, EXDEV = 18, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENOTTY = 25, EROFS = 30, ERANGE = 34,
        ENAMETOOLONG = 36, ENODATA = 61, EOPNOTSUPP = 95;

    private static readonly bool s_isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public static int Direct => s_isArm ? 0x10000 : 0x4000;

    public static int DirectoryOnly => s_isArm ? 0x4000 : 0x10000;

    public static int NoFollow => s_isArm ? 0x8000 : 0x20000;

    private static nint GetDirectoryEntriesNumber => s_isArm ? 61 : 217; // getdents64

    /// <summary>The error of the call made just before on this thread.</summary>
    public static int LastError => Marshal.GetLastPInvokeError();

    public static string NameOf(int error) => $"{Marshal.GetPInvokeErrorMessage(error)} ({error})";

    /// <summary>A page of a directory from where its descriptor stands.</summary>
    /// <returns>The names, each with the offset behind it; empty at the end.</returns>
    public static List<(string Name, long Next)> ReadEntries(int descriptor, int bufferBytes)
    {
        var buffer = stackalloc byte[bufferBytes];
        var length = Check.Done("getdents64", SystemCall(GetDirectoryEntriesNumber, descriptor, buffer, bufferBytes));
        List<(string, long)> entries = [];
        for (var at = 0L; at < length; at += *(ushort*)(buffer + at + 16))
            entries.Add((Marshal.PtrToStringUTF8((nint)(buffer + at + 19))!, *(long*)(buffer + at + 8)));
        return entries;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, uint mode = 0);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    public static partial nint PRead(int descriptor, void* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "preadv", SetLastError = true)]
    public static partial nint PReadVector(int descriptor, IoVector* vectors, int count, long offset);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    public static partial long Seek(int descriptor, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial nint Map(nint at, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int Unmap(nint at, nuint length);

    /// <summary>
    /// Copies memory. What is mapped must be read by this: managed code that waits for a page cannot be stopped for a collection, so where the
    /// same process serves the mount, both would wait for each other.
    /// </summary>
    [LibraryImport("libc", EntryPoint = "memcpy")]
    public static partial void* Copy(void* to, void* from, nuint length);

    [LibraryImport("libc", EntryPoint = "sendfile", SetLastError = true)]
    public static partial nint SendFile(int to, int from, long* offset, nuint count);

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int CreateMemoryFile(string name, uint flags);

    /// <summary>Returns the error instead of setting it.</summary>
    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    public static partial int Advise(int descriptor, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Control(int descriptor, int command, FileLock* fileLock);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Lock(int descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int DeviceControl(int descriptor, ulong request, void* argument);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollQuestion* questions, ulong count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Stat(int directory, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", EntryPoint = "fstatvfs", SetLastError = true)]
    public static partial int StatFileSystem(int descriptor, FileSystemStatus* status);

    [LibraryImport("libc", EntryPoint = "listxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ListAttributes(string path, byte* names, nuint size);

    [LibraryImport("libc", EntryPoint = "getxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint GetAttribute(string path, string name, byte* value, nuint size);

    [LibraryImport("libc", EntryPoint = "setxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetAttribute(string path, string name, byte* value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeDirectory(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Rename(string from, string to);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Link(string from, string to);

    [LibraryImport("libc", EntryPoint = "symlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int LinkSymbolically(string target, string path);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ChangeMode(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "truncate", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Truncated(string path, long length);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    /// <summary>Installs a handler, by address; system calls that it interrupts begin again where the kernel can have them.</summary>
    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    public static partial nint Handle(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "gettid")]
    public static partial int ThreadId();

    [LibraryImport("libc", EntryPoint = "tgkill", SetLastError = true)]
    public static partial int SignalThread(int process, int thread, int signal);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, int descriptor, void* buffer, nint count);
}

/// <summary>An open file.</summary>
internal sealed unsafe class Descriptor : IDisposable
{
    private readonly string _path;

    private Descriptor(string path, int number) => (_path, Number) = (path, number);

    public int Number { get; }

    /// <summary>Bytes, by seeking to the end.</summary>
    public long Length => Check.Done($"lseek {_path} to its end", Posix.Seek(Number, 0, Posix.SeekEnd));

    public static Descriptor Open(string path, int flags = Posix.ReadOnly) =>
        new(path, (int)Check.Done($"open {path} with flags 0x{flags:x}", Posix.Open(path, flags | Posix.CloseOnExec)));

    /// <summary>One pread.</summary>
    /// <returns>How many bytes came, or minus the error.</returns>
    public int Read(long offset, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var got = Posix.PRead(Number, start, (nuint)buffer.Length, offset);
            return got < 0 ? -Posix.LastError : (int)got;
        }
    }

    /// <summary>As many bytes as asked for, by as many preads as it takes; fewer only at the end.</summary>
    public byte[] ReadAll(long offset, int count)
    {
        var bytes = new byte[count];
        var have = 0;
        while (have < count)
        {
            var got = Read(offset + have, bytes.AsSpan(have));
            Check.That(got >= 0, $"pread of {count - have} bytes at {offset + have}: {Posix.NameOf(-got)}");
            if (got == 0)
                break;
            have += got;
        }

        return bytes[..have];
    }

    public void Dispose() => _ = Posix.Close(Number);
}

/// <summary>struct iovec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public void* Base;
    public nuint Length;
}

/// <summary>struct flock.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FileLock
{
    public const short ForReading = 0, ForWriting = 1, Unlocked = 2;

    public short Type;
    public short Whence;
    public long Start;
    public long Length;
    public int Process;
    private readonly int _padding;
}

/// <summary>struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollQuestion
{
    public const short Readable = 1;

    public int Descriptor;
    public short Events;
    public short Answer;
}

/// <summary>The beginning of struct statx, which is alike on every architecture.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct FileStatus
{
    public const uint Basic = 0x7ff, TypeMask = 0xf000, RegularFile = 0x8000;

    /// <summary>AT_FDCWD and AT_SYMLINK_NOFOLLOW, AT_STATX_FORCE_SYNC.</summary>
    public const int CurrentDirectory = -100, NoFollow = 0x100, ForceSync = 0x2000;

    [FieldOffset(4)]
    public uint BlockSize;

    [FieldOffset(16)]
    public uint Links;

    [FieldOffset(28)]
    public ushort Mode;

    [FieldOffset(32)]
    public ulong Inode;

    [FieldOffset(40)]
    public long Size;

    [FieldOffset(48)]
    public ulong Blocks;

    [FieldOffset(112)]
    public long ModifiedSeconds;

    public static unsafe FileStatus Of(string path, int flags = NoFollow)
    {
        FileStatus status;
        Check.Done($"stat {path}", Posix.Stat(CurrentDirectory, path, flags, Basic, &status));
        return status;
    }
}

/// <summary>struct statvfs of glibc on 64 bits.</summary>
[StructLayout(LayoutKind.Explicit, Size = 112)]
internal struct FileSystemStatus
{
    public const ulong ReadOnly = 1;

    [FieldOffset(0)]
    public ulong BlockSize;

    [FieldOffset(16)]
    public ulong Blocks;

    [FieldOffset(72)]
    public ulong Flags;

    [FieldOffset(80)]
    public ulong LongestName;
}
