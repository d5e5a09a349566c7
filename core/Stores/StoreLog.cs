using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>All log lines of the stores.</summary>
internal static partial class StoreLog
{
    [LoggerMessage(EventId = 1, Message = "Store {Store}: {Text}")]
    public static partial void DriverSaid(this ILogger logger, LogLevel level, string store, string text);

    [LoggerMessage(EventId = 2, Level = LogLevel.Information, Message = "Store {Store} is ready (driver {Driver} {Version})")]
    public static partial void StoreReady(this ILogger logger, string store, string driver, string version);

    [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "Store {Store} did not start: {Problem}")]
    public static partial void StoreFailed(this ILogger logger, string store, string problem);

    [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "Store {Store}: {Operation} failed: {Fault}")]
    public static partial void OperationFailed(this ILogger logger, string store, string operation, string fault);

    [LoggerMessage(EventId = 5, Level = LogLevel.Error, Message = "Store {Store}: {Operation} failed in a way the driver does not foresee: {Fault}")]
    public static partial void OperationBroke(this ILogger logger, string store, string operation, string fault);

    [LoggerMessage(EventId = 6, Level = LogLevel.Warning, Message = "The plugin in {Folder} is unusable: {Problem}")]
    public static partial void PluginUnusable(this ILogger logger, string folder, string problem);
}
