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
        // A client can do the same about each of them: nothing. Which one it was is in the log.
        StoreException
        {
            Error: StoreError.Unexpected or StoreError.Misconfigured or StoreError.Unavailable or StoreError.TimedOut
                or StoreError.InvalidLocation or StoreError.Changed or StoreError.Corrupt
        } => Errno.EIO,
        OutOfMemoryException => Errno.ENOMEM,
        _ => Errno.EIO,
    };
}
