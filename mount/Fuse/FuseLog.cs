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

    [LoggerMessage(12, LogLevel.Information, "{MountPoint} is served by the process {Process}, its {Generation}. server")]
    internal static partial void KeeperServed(ILogger logger, string mountPoint, int process, uint generation);

    [LoggerMessage(13, LogLevel.Warning, "{MountPoint} has lost its server, the process {Process}; readers wait for the next one")]
    internal static partial void KeeperUnserved(ILogger logger, string mountPoint, int process);

    [LoggerMessage(14, LogLevel.Information, "{MountPoint} is held again, from the descriptor store")]
    internal static partial void KeeperRestored(ILogger logger, string mountPoint);

    [LoggerMessage(15, LogLevel.Error, "{MountPoint} was given up: nobody came to serve it")]
    internal static partial void KeeperGaveUp(ILogger logger, string mountPoint);

    [LoggerMessage(16, LogLevel.Warning, "Refused the user with the id {User}, process {Process}: not named, or too many connections")]
    internal static partial void KeeperRefused(ILogger logger, uint user, int process);

    [LoggerMessage(17, LogLevel.Warning, "The user with the id {User}, process {Process}, does not speak the keeper's protocol")]
    internal static partial void KeeperNonsense(ILogger logger, uint user, int process);

    [LoggerMessage(18, LogLevel.Error, "The connection of process {Process} failed")]
    internal static partial void KeeperConnectionFailed(ILogger logger, Exception exception, int process);

    [LoggerMessage(19, LogLevel.Error, "No connection can be accepted: {Reason}")]
    internal static partial void KeeperAcceptFailed(ILogger logger, string reason);

    [LoggerMessage(20, LogLevel.Information, "Serving {MountPoint}, held by the keeper, as its {Generation}. server: FUSE 7.{Minor}, passthrough {Passthrough}")]
    internal static partial void KeptAttached(ILogger logger, string mountPoint, uint generation, int minor, bool passthrough);

    [LoggerMessage(21, LogLevel.Information, "{MountPoint} stays mounted for the next server; until it comes, readers wait")]
    internal static partial void KeptLeft(ILogger logger, string mountPoint);

    [LoggerMessage(22, LogLevel.Warning, "The keeper of {MountPoint} is gone; serving goes on, and the next keeper is looked for")]
    internal static partial void KeeperLost(ILogger logger, string mountPoint);

    [LoggerMessage(23, LogLevel.Information, "The keeper of {MountPoint} is back")]
    internal static partial void KeeperFound(ILogger logger, string mountPoint);

    [LoggerMessage(25, LogLevel.Error, "{MountPoint} cannot be unmounted without privilege or the keeper; it is dead once this process has ended, until the keeper mounts it again")]
    internal static partial void KeptNotUnmounted(ILogger logger, string mountPoint);

    [LoggerMessage(24, LogLevel.Error, "The keeper does not hold {MountPoint} any more, so it ends with this process: {Reason}")]
    internal static partial void KeeperForgot(ILogger logger, string mountPoint, string reason);

    [LoggerMessage(26, LogLevel.Warning, "The socket {Path} was gone, or not this keeper's; it listens there again")]
    internal static partial void KeeperReturned(ILogger logger, string path);

    [LoggerMessage(27, LogLevel.Error, "The socket {Path} is gone, or not this keeper's, and it cannot listen there: {Reason}. It is tried again each second")]
    internal static partial void KeeperLostItsPlace(ILogger logger, string path, string reason);
}
