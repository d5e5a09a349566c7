using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>
/// Structures of include/uapi/linux/fuse.h at protocol 7.45, in native byte order. All fields have fixed widths and
/// natural alignment, so sequential layout is the wire layout; a test asserts every size and the offsets in use.
/// </summary>
internal static class Wire
{
    internal const uint Major = 7;

    /// <summary>Newest minor version whose structures are known here.</summary>
    internal const uint Minor = 45;

    /// <summary>Linux 4.20: the first with <c>max_pages</c>, and a 64-byte INIT reply.</summary>
    internal const uint OldestMinor = 28;

    /// <summary>The kernel refuses reads of the device with less than this.</summary>
    internal const int RequestBufferBytes = 8192;

    /// <summary>A server that takes no writes still has to name a size; a small one keeps request buffers at 8 KiB.</summary>
    internal const int MaxWriteBytes = 4096;

    internal const int LongestName = 255;

    internal const uint NotifyInvalInode = 2;
    internal const uint NotifyInvalEntry = 3;
    internal const uint NotifyDelete = 6;
    internal const uint NotifyResend = 7;
    internal const uint NotifyIncEpoch = 8;

    /// <summary>First minor version with <see cref="NotifyIncEpoch"/>.</summary>
    internal const uint EpochMinor = 44;

    /// <summary>A whole number of seconds and the rest in nanoseconds; negative becomes zero.</summary>
    internal static (ulong Seconds, uint Nanoseconds) Split(TimeSpan validity) =>
        validity <= TimeSpan.Zero
            ? (0, 0)
            : ((ulong)(validity.Ticks / TimeSpan.TicksPerSecond), (uint)(validity.Ticks % TimeSpan.TicksPerSecond * 100));
}

[StructLayout(LayoutKind.Sequential)]
internal struct InHeader
{
    public uint Length;
    public uint Opcode;
    public ulong Unique;
    public ulong Node;
    public uint Uid;
    public uint Gid;
    public uint Pid;
    public ushort ExtensionWords;
    public ushort Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct OutHeader
{
    public uint Length;
    public int Error;
    public ulong Unique;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct InitIn
{
    public uint Major;
    public uint Minor;
    public uint MaxReadAhead;
    public uint Flags;
    public uint Flags2;
    public fixed uint Unused[11];
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct InitOut
{
    public uint Major;
    public uint Minor;
    public uint MaxReadAhead;
    public uint Flags;
    public ushort MaxBackground;
    public ushort CongestionThreshold;
    public uint MaxWrite;
    public uint TimeGranularity;
    public ushort MaxPages;
    public ushort MapAlignment;
    public uint Flags2;
    public uint MaxStackDepth;
    public ushort RequestTimeout;
    public fixed ushort Unused[11];
}

[StructLayout(LayoutKind.Sequential)]
internal struct Attr
{
    public ulong Inode;
    public ulong Size;
    public ulong Blocks;
    public ulong AccessedSeconds;
    public ulong ModifiedSeconds;
    public ulong ChangedSeconds;
    public uint AccessedNanoseconds;
    public uint ModifiedNanoseconds;
    public uint ChangedNanoseconds;
    public uint Mode;
    public uint Links;
    public uint Uid;
    public uint Gid;
    public uint Device;
    public uint BlockSize;
    public uint Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EntryOut
{
    public ulong Node;
    public ulong Generation;
    public ulong EntryValid;
    public ulong AttrValid;
    public uint EntryValidNanoseconds;
    public uint AttrValidNanoseconds;
    public Attr Attr;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AttrOut
{
    public ulong Valid;
    public uint ValidNanoseconds;
    public uint Dummy;
    public Attr Attr;
}

[StructLayout(LayoutKind.Sequential)]
internal struct GetAttrIn
{
    public uint Flags;
    public uint Dummy;
    public ulong Handle;
}

[StructLayout(LayoutKind.Sequential)]
internal struct OpenIn
{
    public uint Flags;
    public uint OpenFlags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct OpenOut
{
    public ulong Handle;
    public uint OpenFlags;
    public int BackingId;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ReadIn
{
    public ulong Handle;
    public ulong Offset;
    public uint Size;
    public uint ReadFlags;
    public ulong LockOwner;
    public uint Flags;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ReleaseIn
{
    public ulong Handle;
    public uint Flags;
    public uint ReleaseFlags;
    public ulong LockOwner;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ForgetIn
{
    public ulong Lookups;
}

[StructLayout(LayoutKind.Sequential)]
internal struct ForgetOne
{
    public ulong Node;
    public ulong Lookups;
}

[StructLayout(LayoutKind.Sequential)]
internal struct BatchForgetIn
{
    public uint Count;
    public uint Dummy;
}

[StructLayout(LayoutKind.Sequential)]
internal struct XattrIn
{
    public uint Size;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct XattrOut
{
    public uint Size;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct StatFsOut
{
    public ulong Blocks;
    public ulong FreeBlocks;
    public ulong AvailableBlocks;
    public ulong Files;
    public ulong FreeFiles;
    public uint BlockSize;
    public uint NameLength;
    public uint FragmentSize;
    public uint Padding;
    public fixed uint Spare[6];
}

[StructLayout(LayoutKind.Sequential)]
internal struct InterruptIn
{
    public ulong Unique;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SeekIn
{
    public ulong Handle;
    public ulong Offset;
    public uint Whence;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct SeekOut
{
    public ulong Offset;
}

/// <summary>The head of a directory entry; the name follows and the whole is padded to 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DirEntry
{
    public ulong Inode;
    public ulong NextCookie;
    public uint NameLength;
    public uint Kind;
}

/// <summary>The head of a directory entry with attributes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DirEntryPlus
{
    public EntryOut Entry;
    public DirEntry Head;
}

[StructLayout(LayoutKind.Sequential)]
internal struct InvalInodeOut
{
    public ulong Node;
    public long Offset;
    public long Length;
}

[StructLayout(LayoutKind.Sequential)]
internal struct InvalEntryOut
{
    public ulong Parent;
    public uint NameLength;
    public uint Flags;
}

[StructLayout(LayoutKind.Sequential)]
internal struct DeleteOut
{
    public ulong Parent;
    public ulong Child;
    public uint NameLength;
    public uint Padding;
}

[StructLayout(LayoutKind.Sequential)]
internal struct BackingMap
{
    public int Descriptor;
    public uint Flags;
    public ulong Padding;
}
