namespace GlanceGateway.Api;

/// <summary>An answer that is an error. The texts are for the user.</summary>
internal sealed class ApiException(int status, string? message = null, Exception? innerException = null)
    : Exception(message ?? ErrorText.Default(status), innerException)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>What stands below the message: the particulars of a general statement. Null for none.</summary>
    public string? Detail { get; init; }

    /// <summary>A header that goes with the answer; null for none.</summary>
    public (string Name, string Value)? Header { get; init; }
}
