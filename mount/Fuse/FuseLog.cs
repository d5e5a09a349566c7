using Microsoft.Extensions.Logging;

namespace GlanceGateway.Fuse;

/// <summary>Every log message of this library.</summary>
internal static partial class FuseLog
{
    [LoggerMessage(1, LogLevel.Information, "Mounted {MountPoint} by {Method}: FUSE 7.{Minor}, passthrough {Passthrough}")]
    internal static partial void Mounted(ILogger logger, string mountPoint, string method, int minor, bool passthrough);

    [LoggerMessage(2, LogLevel.Information, "Unmounting {MountPoint}: {Outcome}")]
    internal static partial void Unmounted(ILogger logger, string mountPoint, UnmountOutcome outcome);

    [LoggerMessage(3, LogLevel.Warning, "Removed a dead mount from {MountPoint}")]
    internal static partial void DeadMountRemoved(ILogger logger, string mountPoint);

    [LoggerMessage(4, LogLevel.Warning, "Read-ahead of {MountPoint} stays at the kernel's default instead of {Kib} KiB: {Reason}")]
    internal static partial void ReadAheadNotSet(ILogger logger, string mountPoint, int kib, string reason);

    [LoggerMessage(5, LogLevel.Error, "{Opcode} of node {Node} failed in the filesystem, answered EIO")]
    internal static partial void RequestFailed(ILogger logger, Exception exception, FuseOpcode opcode, ulong node);

    [LoggerMessage(6, LogLevel.Warning, "Malformed request of {Length} bytes, opcode {Opcode}")]
    internal static partial void Malformed(ILogger logger, int length, FuseOpcode opcode);

    [LoggerMessage(7, LogLevel.Warning, "The kernel refused a reply with {Error}")]
    internal static partial void ReplyRefused(ILogger logger, Errno error);

    [LoggerMessage(8, LogLevel.Error, "Reading the FUSE device fails with {Error}")]
    internal static partial void DeviceFailed(ILogger logger, Errno error);

    [LoggerMessage(9, LogLevel.Error, "Open of node {Node} named a backing file, but passthrough is not in use; answered EIO")]
    internal static partial void PassthroughNotNegotiated(ILogger logger, ulong node);

    [LoggerMessage(10, LogLevel.Warning, "{MountPoint} was still in use {Seconds} s after the unmount; connection aborted: {Aborted}")]
    internal static partial void StopTimedOut(ILogger logger, string mountPoint, double seconds, bool aborted);

    [LoggerMessage(11, LogLevel.Information, "The FUSE connection was aborted")]
    internal static partial void Aborted(ILogger logger);
}
