using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>Attributes of a node as stat(2) shows them.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct NodeAttributes
{
    /// <summary>Attributes with one link and blocks of 4 KiB.</summary>
    public NodeAttributes()
    {
    }

    /// <summary>The number shown as <c>st_ino</c>; it may differ from the node id.</summary>
    public required ulong Inode { get; init; }

    /// <summary>What the node is.</summary>
    public required FileKind Kind { get; init; }

    /// <summary>Permission bits, 0 to 0o7777.</summary>
    public int Permissions { get; init; }

    /// <summary>Size in bytes.</summary>
    public long SizeBytes { get; init; }

    /// <summary>Space taken in bytes; shown as <c>st_blocks</c> in units of 512. Tools call this "disk size".</summary>
    public long AllocatedBytes { get; init; }

    /// <summary>Time of the last change of the content; also shown as the access time.</summary>
    public DateTimeOffset Modified { get; init; }

    /// <summary>Time of the last change of attributes; the time of modification when not given.</summary>
    public DateTimeOffset? Changed { get; init; }

    /// <summary>Number of names.</summary>
    public uint Links { get; init; } = 1;

    /// <summary>Owner.</summary>
    public uint Uid { get; init; }

    /// <summary>Group.</summary>
    public uint Gid { get; init; }

    /// <summary>Preferred I/O size in bytes.</summary>
    public uint BlockSizeBytes { get; init; } = 4096;

    internal void Write(ref Attr attr)
    {
        (ulong modified, uint modifiedRest) = Split(Modified);
        (ulong changed, uint changedRest) = Split(Changed ?? Modified);
        attr = new Attr
        {
            Inode = Inode,
            Size = (ulong)SizeBytes,
            Blocks = ((ulong)AllocatedBytes + 511) / 512,
            AccessedSeconds = modified,
            AccessedNanoseconds = modifiedRest,
            ModifiedSeconds = modified,
            ModifiedNanoseconds = modifiedRest,
            ChangedSeconds = changed,
            ChangedNanoseconds = changedRest,
            Mode = ((uint)Kind << 12) | ((uint)Permissions & 0xfff),
            Links = Links,
            Uid = Uid,
            Gid = Gid,
            BlockSize = BlockSizeBytes,
        };
    }

    private static (ulong Seconds, uint Nanoseconds) Split(DateTimeOffset time)
    {
        long ticks = Math.Max(0, (time.UtcDateTime - DateTime.UnixEpoch).Ticks);
        return ((ulong)(ticks / TimeSpan.TicksPerSecond), (uint)(ticks % TimeSpan.TicksPerSecond * 100));
    }
}
