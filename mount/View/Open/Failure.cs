using GlanceGateway.Abstractions;
using GlanceGateway.Fuse;

namespace GlanceGateway.View;

/// <summary>The one place where faults become error numbers.</summary>
internal static class Failure
{
    /// <summary>
    /// The error number for an exception. EIO says "the bytes exist and cannot be had now", which QEMU answers by its
    /// <c>rerror</c> policy; never ESTALE, upon which the kernel tries again and clients fail all the same.
    /// </summary>
    internal static Errno ToErrno(Exception exception) => exception switch
    {
        StoreException store => store.Error switch
        {
            StoreError.Unexpected => Errno.EIO,
            StoreError.Misconfigured => Errno.EIO,
            StoreError.Unavailable => Errno.EIO,
            StoreError.TimedOut => Errno.EIO,
            StoreError.InvalidLocation => Errno.EIO,
            StoreError.Changed => Errno.EIO,
            StoreError.Corrupt => Errno.EIO,
            _ => Errno.EIO,
        },
        OutOfMemoryException => Errno.ENOMEM,
        _ => Errno.EIO,
    };
}
