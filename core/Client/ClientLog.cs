using Microsoft.Extensions.Logging;

namespace GlanceGateway.Client;

/// <summary>All log lines of the client. None may hold a token or a password.</summary>
internal static partial class ClientLog
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Endpoint {Endpoint} is left alone for {Seconds:0.0} s: {Reason}")]
    public static partial void EndpointBroken(this ILogger logger, Uri endpoint, double seconds, string reason);

    [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "Endpoint {Endpoint} answers again")]
    public static partial void EndpointBack(this ILogger logger, Uri endpoint);

    [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "Logged in at {AuthUrl} until {Expires:u}")]
    public static partial void LoggedIn(this ILogger logger, Uri authUrl, DateTimeOffset expires);

    [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "The token could not be renewed at {AuthUrl}; the old one lasts until {Expires:u}: {Reason}")]
    public static partial void RenewalFailed(this ILogger logger, Uri authUrl, DateTimeOffset expires, string reason);

    [LoggerMessage(EventId = 5, Level = LogLevel.Warning, Message = "Certificates are not checked; anybody on the way can read the log-in and change images")]
    public static partial void Insecure(this ILogger logger);

    [LoggerMessage(EventId = 6, Level = LogLevel.Information, Message = "Image {Image} cannot be read in ranges: {Reason}")]
    public static partial void NoRanges(this ILogger logger, string image, string reason);

    [LoggerMessage(EventId = 7, Level = LogLevel.Debug, Message = "Image {Image} broke off at byte {Offset} and is asked for again: {Reason}")]
    public static partial void Resumed(this ILogger logger, string image, long offset, string reason);
}
