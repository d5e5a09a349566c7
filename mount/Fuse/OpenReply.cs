using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>How the kernel shall treat an open file.</summary>
/// <remarks>
/// One node is served either through the page cache or by passthrough at a time; the kernel fails an open of the other
/// sort with EIO while one of the first exists. To change over, give the file another node id.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
public readonly record struct OpenReply
{
    private const uint DirectIoFlag = 1;
    private const uint KeepCacheFlag = 2;
    private const uint CacheDirectoryFlag = 8;
    private const uint NoFlushFlag = 32;
    private const uint PassthroughFlag = 128;
    private const uint PendingFlag = 1u << 31; // ours; never sent

    private OpenReply(ulong handle, uint flags, int backingId)
    {
        Handle = handle;
        Flags = flags;
        BackingId = backingId;
    }

    /// <summary>Value of the filesystem's choice; comes back with each read, seek and the release.</summary>
    public ulong Handle { get; }

    /// <summary>The FOPEN_* bits of the protocol.</summary>
    internal uint Flags { get; }

    /// <summary>Backing id, 0 for none.</summary>
    internal int BackingId { get; }

    /// <summary>Only from <see cref="FuseFileSystem.Open"/>: opening takes longer, ask <see cref="FuseFileSystem.OpenAsync"/>.</summary>
    public static OpenReply Pending => new(0, PendingFlag, 0);

    internal bool IsPending => (Flags & PendingFlag) != 0;

    internal bool IsPassthrough => (Flags & PassthroughFlag) != 0;

    /// <summary>Reads go through the kernel's page cache, which survives between opens: for content that never changes.</summary>
    public static OpenReply Cached(ulong handle) => new(handle, KeepCacheFlag | NoFlushFlag, 0);

    /// <summary>Reads go through the page cache, emptied at this open: for content that may have changed.</summary>
    public static OpenReply Fresh(ulong handle) => new(handle, NoFlushFlag, 0);

    /// <summary>Every read reaches the filesystem: for content whose size is not known ahead, such as a status page.</summary>
    public static OpenReply Direct(ulong handle) => new(handle, DirectIoFlag | NoFlushFlag, 0);

    /// <summary>Reads and maps go to the backing file inside the kernel; seeks, attributes and the release still come here.</summary>
    /// <remarks>The registration may be disposed once the reply is sent: open files keep their own reference.</remarks>
    public static OpenReply Passthrough(ulong handle, BackingFile backing)
    {
        ArgumentNullException.ThrowIfNull(backing);
        // Never with KEEP_CACHE: the kernel fails such an open with EIO.
        return new OpenReply(handle, PassthroughFlag | NoFlushFlag, backing.Id);
    }

    /// <summary>A directory whose listing the kernel may keep until the directory's node is invalidated.</summary>
    public static OpenReply CachedDirectory(ulong handle) => new(handle, KeepCacheFlag | CacheDirectoryFlag, 0);

    /// <summary>A directory that is read anew each time.</summary>
    public static OpenReply FreshDirectory(ulong handle) => new(handle, 0, 0);
}
