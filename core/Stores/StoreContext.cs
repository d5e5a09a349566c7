using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>What the host lends to one store's driver.</summary>
internal sealed class StoreContext(string storeId, string scratchDirectory, TimeProvider time, ILogger logger, IOutboundConnector? connector = null)
    : IStoreContext
{
    public string StoreId => storeId;

    public TimeProvider Time => time;

    public string ScratchDirectory => scratchDirectory;

    public IOutboundConnector Connector { get; } = connector ?? new GuardedConnector(new OutboundRules(), time);

    // The exception goes on as text: a log provider that keeps it would keep the plugin's types.
    public void Log(StoreLogLevel level, string message, Exception? exception = null) =>
        logger.DriverSaid(
            level switch
            {
                StoreLogLevel.Debug => LogLevel.Debug,
                StoreLogLevel.Information => LogLevel.Information,
                StoreLogLevel.Warning => LogLevel.Warning,
                _ => LogLevel.Error,
            },
            storeId,
            exception is null ? message : $"{message}: {exception}");

    /// <summary>Makes a store's scratch directory, private and empty.</summary>
    public static string PrepareScratch(string root, string storeId)
    {
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        var directory = Path.Combine(Path.GetFullPath(root), storeId);
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
        Directory.CreateDirectory(directory, OwnerOnly);
        return directory;
    }
}
