using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>Everything that the HTTP face logs. No line holds a token, a header value but the request id, or a query.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "{Method} {Path} {Status} {Milliseconds:F1} ms {Bytes} bytes {RequestId}")]
    public static partial void Answered(ILogger logger, string method, string path, int status, double milliseconds, long bytes, string requestId);

    [LoggerMessage(2, LogLevel.Error, "{RequestId}: the request failed")]
    public static partial void Fault(ILogger logger, string requestId, Exception exception);

    [LoggerMessage(3, LogLevel.Warning, "{RequestId}: the connection was cut, because the rest of the answer could not be sent")]
    public static partial void Cut(ILogger logger, string requestId, Exception exception);

    [LoggerMessage(4, LogLevel.Debug, "{RequestId}: the client went away")]
    public static partial void ClientGone(ILogger logger, string requestId, Exception exception);

    [LoggerMessage(5, LogLevel.Warning, "{RequestId}: identity headers came from {Address}, which is no trusted proxy, and were ignored")]
    public static partial void Untrusted(ILogger logger, string requestId, string address);

    [LoggerMessage(20, LogLevel.Information, "the identity service at {Url} is used as {User}")]
    public static partial void LoggedIn(ILogger logger, Uri url, string user);

    [LoggerMessage(21, LogLevel.Error, "the identity service at {Url} does not accept the gateway's own credentials ({User}, status {Status}): nobody can be identified until they are right")]
    public static partial void LoginRefused(ILogger logger, Uri url, string user, int status);

    [LoggerMessage(22, LogLevel.Error, "the identity service at {Url} does not let {User} check tokens (status {Status}): give it the role 'service' or 'admin' in its project")]
    public static partial void CheckingRefused(ILogger logger, Uri url, string user, int status);

    [LoggerMessage(23, LogLevel.Warning, "the identity service at {Url} fails: {Reason}; tokens that it confirmed before go on working until their time is over, others are answered with 503")]
    public static partial void KeystoneFails(ILogger logger, Uri url, string reason);

    [LoggerMessage(24, LogLevel.Information, "the identity service at {Url} answers again")]
    public static partial void KeystoneAnswers(ILogger logger, Uri url);

    [LoggerMessage(30, LogLevel.Warning, "no certificate from the key manager: {Reason}")]
    public static partial void CertificateNotFound(ILogger logger, string reason);

    [LoggerMessage(29, LogLevel.Error, "the identity service at {Url} does not let {User} read limits (status {Status}): give it the role 'reader' on the system")]
    public static partial void LimitsRefused(ILogger logger, Uri url, string user, int status);

    [LoggerMessage(25, LogLevel.Information, "{RequestId}: the service token was not accepted and is ignored")]
    public static partial void BadServiceToken(ILogger logger, string requestId);

    [LoggerMessage(26, LogLevel.Information, "{RequestId}: the access rules of the application credential do not allow {Method} {Path}")]
    public static partial void AgainstAccessRules(ILogger logger, string requestId, string method, string path);

    [LoggerMessage(27, LogLevel.Information, "{Path} holds {Count} tokens")]
    public static partial void TokensRead(ILogger logger, string path, int count);

    [LoggerMessage(28, LogLevel.Error, "{Path} was changed, but cannot be used; the tokens that it held before go on working: {Reason}")]
    public static partial void TokensUnusable(ILogger logger, string path, string reason);
}
