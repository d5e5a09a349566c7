using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>What the server's statuses mean to the host.</summary>
internal static class Faults
{
    /// <summary>A status as an expected outcome; null when it is a fault, or could be anything: <see cref="SftpStatus.Failure"/> is both "exists"
    /// and "no space".</summary>
    public static StoreOutcome? OutcomeOf(SftpStatus status) => status switch
    {
        SftpStatus.Ok => StoreOutcome.Ok,
        SftpStatus.NoSuchFile => StoreOutcome.Absent,
        SftpStatus.PermissionDenied => StoreOutcome.Denied,
        _ => null,
    };

    /// <summary>A status as a fault.</summary>
    public static StoreException Of(SftpStatus status, string text, string what, string? key = null)
    {
        var error = status is SftpStatus.NoConnection or SftpStatus.ConnectionLost ? StoreError.Unavailable : StoreError.Unexpected;
        return new StoreException(error, $"{what}: the server says {status}{(text.Length == 0 ? "" : $" ({text})")}.", key);
    }
}
