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
}
