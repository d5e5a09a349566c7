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

    [LoggerMessage(EventId = 7, Level = LogLevel.Information, Message = "Loading plugin {Driver} {Version} from {Folder} (sha256 {Hash})")]
    public static partial void PluginLoading(this ILogger logger, string driver, string version, string folder, string hash);

    [LoggerMessage(EventId = 8, Level = LogLevel.Information, Message = "Plugin {Driver} {Version} is no longer used (sha256 {Hash})")]
    public static partial void PluginLetGo(this ILogger logger, string driver, string version, string hash);

    [LoggerMessage(EventId = 9, Level = LogLevel.Warning, Message = "Plugin {Driver} {Version} complained while it was unloaded: {Fault}")]
    public static partial void PluginUnloadFailed(this ILogger logger, string driver, string version, string fault);

    [LoggerMessage(EventId = 21, Level = LogLevel.Information, Message = "The code of plugin {Driver} {Version} is unloaded (sha256 {Hash})")]
    public static partial void PluginUnloaded(this ILogger logger, string driver, string version, string hash);

    [LoggerMessage(EventId = 22, Level = LogLevel.Warning, Message = "The code of plugin {Driver} {Version} is still in use after its last driver has ended; it goes when whatever holds it does (sha256 {Hash})")]
    public static partial void PluginStays(this ILogger logger, string driver, string version, string hash);

    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "Plugin {Driver} was swapped while it serves: {Old} → {New}")]
    public static partial void PluginSwapped(this ILogger logger, string driver, string old, string @new);

    [LoggerMessage(EventId = 11, Level = LogLevel.Error, Message = "The plugin {Driver} in {Folder} is refused, {Old} serves on: {Problem}")]
    public static partial void PluginRefused(this ILogger logger, string driver, string folder, string old, string problem);

    [LoggerMessage(EventId = 12, Level = LogLevel.Warning, Message = "Plugin {Driver} was taken out: its stores end")]
    public static partial void PluginTakenOut(this ILogger logger, string driver);

    [LoggerMessage(EventId = 13, Level = LogLevel.Information, Message = "Store {Store} is replaced; its transfers in flight end on the old driver")]
    public static partial void StoreReplaced(this ILogger logger, string store);

    [LoggerMessage(EventId = 14, Level = LogLevel.Information, Message = "Store {Store} is removed; its transfers in flight may end")]
    public static partial void StoreRemoved(this ILogger logger, string store);

    [LoggerMessage(EventId = 15, Level = LogLevel.Error, Message = "The change of store {Store} is not used, it serves on as before: {Problem}")]
    public static partial void StoreChangeRefused(this ILogger logger, string store, string problem);

    [LoggerMessage(EventId = 16, Level = LogLevel.Warning, Message = "Store {Store}: {Open} transfers of the old driver did not end within {Limit} and are cut")]
    public static partial void DrainOverdue(this ILogger logger, string store, int open, TimeSpan limit);

    [LoggerMessage(EventId = 17, Level = LogLevel.Information, Message = "Plugin {Driver} appeared in {Folder}")]
    public static partial void PluginAppeared(this ILogger logger, string driver, string folder);

    [LoggerMessage(EventId = 18, Level = LogLevel.Warning, Message = "The plugin directory {Directory} cannot be watched ({Reason}); it is looked at every {Interval} instead")]
    public static partial void NotWatched(this ILogger logger, string directory, string reason, TimeSpan interval);

    [LoggerMessage(EventId = 19, Level = LogLevel.Error, Message = "Plugins and stores could not be looked after; they stay as they are: {Fault}")]
    public static partial void UpkeepFailed(this ILogger logger, string fault);

    [LoggerMessage(EventId = 20, Level = LogLevel.Information, Message = "Store {Store} did not start and is tried again in {Delay}")]
    public static partial void StoreRetryPlanned(this ILogger logger, string store, TimeSpan delay);
}
