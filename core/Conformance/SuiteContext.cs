using GlanceGateway.Abstractions;

namespace GlanceGateway.Conformance;

/// <summary>What the host lends to a driver, for tests: a scratch directory that goes with the dispose, and a connector without the operator's rules.</summary>
/// <param name="storeId">The store's id in the configuration.</param>
/// <param name="log">Gets what the driver logs; null to drop it.</param>
/// <param name="time">The driver's clock; null for the system's.</param>
public sealed class SuiteContext(string storeId = "tested", Action<StoreLogLevel, string, Exception?>? log = null, TimeProvider? time = null) : IStoreContext, IDisposable
{
    private readonly Lazy<DirectoryInfo> scratch = new(() => Directory.CreateTempSubdirectory("glance-scratch-"));

    /// <inheritdoc/>
    public string StoreId => storeId;

    /// <inheritdoc/>
    public TimeProvider Time { get; } = time ?? TimeProvider.System;

    /// <inheritdoc/>
    public string ScratchDirectory => scratch.Value.FullName;

    /// <inheritdoc/>
    public IOutboundConnector Connector { get; } = new OpenConnector();

    /// <inheritdoc/>
    public void Log(StoreLogLevel level, string message, Exception? exception = null) => log?.Invoke(level, message, exception);

    /// <summary>Removes the scratch directory. After the driver's own dispose.</summary>
    public void Dispose()
    {
        if (scratch.IsValueCreated && scratch.Value.Exists)
            scratch.Value.Delete(recursive: true);
    }
}
