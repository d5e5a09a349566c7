namespace GlanceGateway.Fuse;

/// <summary>
/// Linux error numbers a filesystem may answer with or the kernel may give back, positive as in errno(3).
/// The values are the ones shared by x86-64 and arm64.
/// </summary>
public enum Errno
{
    /// <summary>Success.</summary>
    None = 0,

    /// <summary>Operation not permitted.</summary>
    EPERM = 1,

    /// <summary>No such file or directory.</summary>
    ENOENT = 2,

    /// <summary>Interrupted by a signal.</summary>
    EINTR = 4,

    /// <summary>Input/output error: bytes that should exist cannot be had.</summary>
    EIO = 5,

    /// <summary>No such device or address; for a seek, no data or hole beyond the offset.</summary>
    ENXIO = 6,

    /// <summary>Bad file descriptor.</summary>
    EBADF = 9,

    /// <summary>Try again.</summary>
    EAGAIN = 11,

    /// <summary>Out of memory.</summary>
    ENOMEM = 12,

    /// <summary>Permission denied.</summary>
    EACCES = 13,

    /// <summary>Bad address.</summary>
    EFAULT = 14,

    /// <summary>Device or resource busy.</summary>
    EBUSY = 16,

    /// <summary>File exists.</summary>
    EEXIST = 17,

    /// <summary>No such device; from the FUSE device: the filesystem is unmounted.</summary>
    ENODEV = 19,

    /// <summary>Not a directory.</summary>
    ENOTDIR = 20,

    /// <summary>Is a directory.</summary>
    EISDIR = 21,

    /// <summary>Invalid argument.</summary>
    EINVAL = 22,

    /// <summary>Too many open files in the system.</summary>
    ENFILE = 23,

    /// <summary>Too many open files.</summary>
    EMFILE = 24,

    /// <summary>Inappropriate ioctl.</summary>
    ENOTTY = 25,

    /// <summary>File too large.</summary>
    EFBIG = 27,

    /// <summary>No space left on device.</summary>
    ENOSPC = 28,

    /// <summary>Read-only filesystem.</summary>
    EROFS = 30,

    /// <summary>Result out of range: the buffer of an extended attribute call is too small.</summary>
    ERANGE = 34,

    /// <summary>File name too long.</summary>
    ENAMETOOLONG = 36,

    /// <summary>Not implemented. The kernel remembers this per operation for the whole connection.</summary>
    ENOSYS = 38,

    /// <summary>Directory not empty.</summary>
    ENOTEMPTY = 39,

    /// <summary>Too many levels: symbolic links, or stacked filesystems below a backing file.</summary>
    ELOOP = 40,

    /// <summary>No data: the extended attribute does not exist.</summary>
    ENODATA = 61,

    /// <summary>Protocol error.</summary>
    EPROTO = 71,

    /// <summary>Value too large.</summary>
    EOVERFLOW = 75,

    /// <summary>Operation not supported.</summary>
    EOPNOTSUPP = 95,

    /// <summary>Connection aborted; from the FUSE device: aborted through fusectl.</summary>
    ECONNABORTED = 103,

    /// <summary>The server behind a mount is gone.</summary>
    ENOTCONN = 107,

    /// <summary>Timed out.</summary>
    ETIMEDOUT = 110,

    /// <summary>Stale handle. Avoid for reads: the VFS retries and clients see an error anyway.</summary>
    ESTALE = 116,
}
