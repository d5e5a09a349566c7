using System.Runtime.InteropServices;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace GlanceGateway.Fuse;

/// <summary>
/// The calls into libc. Callers read <see cref="Marshal.GetLastPInvokeError"/> on the next line. None of them
/// suppresses the GC transition: every one may block, and a thread blocked outside managed code never delays a collection.
/// </summary>
internal static unsafe partial class Libc
{
    internal const int ReadWriteCloseOnExec = 0x2 | 0x80000; // O_RDWR | O_CLOEXEC

    // O_PATH | O_CLOEXEC: a handle on a place, without asking the filesystem there anything.
    internal const int PathCloseOnExec = 0x200000 | 0x80000;

    internal const ulong MountReadOnly = 1;
    internal const ulong MountNoSuid = 2;
    internal const ulong MountNoDev = 4;

    internal const int UnmountForce = 1;
    internal const int UnmountDetach = 2;
    internal const int UnmountNoFollow = 8;

    internal const ulong IoctlBackingOpen = 0x4010e501;
    internal const ulong IoctlBackingClose = 0x4004e502;
    internal const ulong IoctlSyncInit = 0xe503;

    internal const int AtCurrentDirectory = -100;
    internal const int StatxForceSync = 0x2000;
    internal const int AtEmptyPath = 0x1000;
    internal const uint StatxBasic = 0x7ff;

    internal const int UnixDomain = 1;
    internal const int StreamCloseOnExec = 1 | 0x80000; // SOCK_STREAM | SOCK_CLOEXEC
    internal const int ReceiveCloseOnExec = 0x40000000; // MSG_CMSG_CLOEXEC
    internal const int SendWithoutSignal = 0x4000; // MSG_NOSIGNAL
    internal const int MessageTruncated = 0x20; // MSG_TRUNC
    internal const int ControlTruncated = 0x8; // MSG_CTRUNC
    internal const int SetDescriptorFlags = 2; // F_SETFD
    internal const int GetStatusFlags = 3; // F_GETFL

    internal const short PollIn = 1;
    internal const short PollError = 8;
    internal const short PollHangUp = 16;

    internal const uint MemoryFileCloseOnExec = 1; // MFD_CLOEXEC

    /// <summary>The error of the call made on the line before.</summary>
    internal static Errno LastError => (Errno)Marshal.GetLastPInvokeError();

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(int descriptor, void* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    internal static partial nint WriteVector(int descriptor, IoVector* vectors, int count);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoControl(int descriptor, ulong request, void* argument);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Mount(string source, string target, string type, ulong flags, string data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Unmount(string target, int flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Statx(int directory, string path, int flags, uint mask, void* result);

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint RealPath(string path, nint resolved);

    [LibraryImport("libc", EntryPoint = "free")]
    internal static partial void Free(nint memory);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    internal static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "getegid")]
    internal static partial uint EffectiveGroup();

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    internal static partial int SocketPair(int domain, int type, int protocol, int* descriptors);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    internal static partial nint ReceiveMessage(int descriptor, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    internal static partial nint SendMessage(int descriptor, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(PollEntry* entries, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int CreateMemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "readlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ReadLink(string path, byte* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int FileControl(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    internal static partial int FileSystemStatus(int descriptor, void* result);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int descriptor);
}

/// <summary>struct iovec.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public void* Base;
    public nuint Length;
}

/// <summary>struct msghdr of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameLength;
    public IoVector* Vectors;
    public nuint VectorCount;
    public void* Control;
    public nuint ControlLength;
    public int Flags;
}

/// <summary>struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    public int Descriptor;
    public short Events;
    public short Returned;
}

/// <summary>struct cmsghdr followed by one descriptor, as SCM_RIGHTS delivers it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DescriptorMessage
{
    public nuint Length;
    public int Level;
    public int Type;
    public int Descriptor;
    public int Padding;
}
