using System.Runtime.InteropServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Rbd.Native;

/// <summary>The error numbers that the libraries return negated, and what they mean.</summary>
internal static class Errno
{
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int EACCES = 13;
    public const int EBUSY = 16;
    public const int EEXIST = 17;
    public const int EINVAL = 22;
    public const int ENOSPC = 28;
    public const int EROFS = 30;
    public const int ERANGE = 34;
    public const int ENOTEMPTY = 39;
    public const int EOPNOTSUPP = 95;
    public const int ENOTCONN = 107;
    public const int ESHUTDOWN = 108;
    public const int ETIMEDOUT = 110;
    public const int ESTALE = 116;
    public const int EDQUOT = 122;

    /// <summary>Whether the connection is of no use any more: closed, or shut out by the cluster after it was taken for dead.</summary>
    public static bool IsDeadConnection(int error) => error is ENOTCONN or ESHUTDOWN;

    /// <summary>The expected outcome that an error is; null when it is a fault.</summary>
    public static StoreOutcome? OutcomeOf(int error) => error switch
    {
        0 => StoreOutcome.Ok,
        ENOENT => StoreOutcome.Absent,
        EEXIST => StoreOutcome.Duplicate,
        EBUSY => StoreOutcome.InUse,
        ENOSPC or EDQUOT => StoreOutcome.Full,
        EPERM or EACCES => StoreOutcome.Denied,
        _ => null,
    };

    /// <summary>The kind of fault that an error is.</summary>
    public static StoreError KindOf(int error) => error switch
    {
        ETIMEDOUT => StoreError.TimedOut,
        ENOTCONN or ESHUTDOWN or EROFS => StoreError.Unavailable,
        _ => StoreError.Unexpected,
    };

    /// <summary>An error in words.</summary>
    public static string Describe(int error) => error switch
    {
        ESHUTDOWN => "the cluster has shut out this client (errno 108)",
        ETIMEDOUT => "the cluster did not answer in time (errno 110)",
        // Who may not write is told EPERM. librbd says this when it asked for the lock and had no answer.
        EROFS => "the image's exclusive lock could not be had (errno 30)",
        _ => $"{Marshal.GetPInvokeErrorMessage(error)} (errno {error})",
    };
}

/// <summary>A call that failed. Never leaves the plugin: the driver, its writers and sources turn it into an outcome or a <see cref="StoreException"/>.</summary>
internal sealed class CephException(int error, string what) : Exception($"{what}: {Errno.Describe(error)}.")
{
    /// <summary>The positive error number.</summary>
    public int Error { get; } = error;

    /// <summary>As a fault.</summary>
    public StoreException ToFault(string? key = null) => new(Errno.KindOf(Error), Message, key);

    /// <summary>Throws when a result is negative.</summary>
    public static int Check(int result, string what) => result >= 0 ? result : throw new CephException(-result, what);
}
