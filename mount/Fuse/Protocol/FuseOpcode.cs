namespace GlanceGateway.Fuse;

/// <summary>Operations of the FUSE kernel protocol (include/uapi/linux/fuse.h, enum fuse_opcode).</summary>
public enum FuseOpcode
{
    /// <summary>Not a request.</summary>
    None = 0,
    /// <summary>Find a name in a directory.</summary>
    Lookup = 1,
    /// <summary>The kernel dropped references to a node; no reply.</summary>
    Forget = 2,
    /// <summary>Attributes of a node.</summary>
    GetAttr = 3,
    /// <summary>Change attributes.</summary>
    SetAttr = 4,
    /// <summary>Target of a symbolic link.</summary>
    ReadLink = 5,
    /// <summary>Make a symbolic link.</summary>
    SymLink = 6,
    /// <summary>Make a node.</summary>
    MkNod = 8,
    /// <summary>Make a directory.</summary>
    MkDir = 9,
    /// <summary>Remove a name.</summary>
    Unlink = 10,
    /// <summary>Remove a directory.</summary>
    RmDir = 11,
    /// <summary>Rename.</summary>
    Rename = 12,
    /// <summary>Make a hard link.</summary>
    Link = 13,
    /// <summary>Open a file.</summary>
    Open = 14,
    /// <summary>Read from a file.</summary>
    Read = 15,
    /// <summary>Write to a file.</summary>
    Write = 16,
    /// <summary>Filesystem statistics.</summary>
    StatFs = 17,
    /// <summary>The last descriptor of an open is closed.</summary>
    Release = 18,
    /// <summary>Flush to stable storage.</summary>
    FSync = 20,
    /// <summary>Set an extended attribute.</summary>
    SetXattr = 21,
    /// <summary>Get an extended attribute.</summary>
    GetXattr = 22,
    /// <summary>List extended attributes.</summary>
    ListXattr = 23,
    /// <summary>Remove an extended attribute.</summary>
    RemoveXattr = 24,
    /// <summary>A descriptor is closed.</summary>
    Flush = 25,
    /// <summary>Negotiation; the first request of a connection.</summary>
    Init = 26,
    /// <summary>Open a directory.</summary>
    OpenDir = 27,
    /// <summary>Read directory entries.</summary>
    ReadDir = 28,
    /// <summary>Close a directory.</summary>
    ReleaseDir = 29,
    /// <summary>Flush a directory.</summary>
    FSyncDir = 30,
    /// <summary>Query a lock.</summary>
    GetLk = 31,
    /// <summary>Take a lock.</summary>
    SetLk = 32,
    /// <summary>Take a lock, waiting.</summary>
    SetLkWait = 33,
    /// <summary>Permission check.</summary>
    Access = 34,
    /// <summary>Create and open.</summary>
    Create = 35,
    /// <summary>The task waiting for another request got a signal.</summary>
    Interrupt = 36,
    /// <summary>Map a block.</summary>
    BMap = 37,
    /// <summary>The filesystem is going away.</summary>
    Destroy = 38,
    /// <summary>Device control.</summary>
    IoCtl = 39,
    /// <summary>Poll for events.</summary>
    Poll = 40,
    /// <summary>Forget for many nodes; no reply.</summary>
    BatchForget = 42,
    /// <summary>Allocate space.</summary>
    FAllocate = 43,
    /// <summary>Read directory entries with attributes.</summary>
    ReadDirPlus = 44,
    /// <summary>Rename with flags.</summary>
    Rename2 = 45,
    /// <summary>Seek for data or holes.</summary>
    LSeek = 46,
    /// <summary>Copy within the filesystem.</summary>
    CopyFileRange = 47,
    /// <summary>Flush the filesystem.</summary>
    SyncFs = 50,
    /// <summary>Create an unnamed file.</summary>
    TmpFile = 51,
    /// <summary>Extended attributes of a node (statx).</summary>
    Statx = 52,
}
