namespace GlanceGateway.Abstractions;

/// <summary>How much a log line of a driver matters.</summary>
public enum StoreLogLevel
{
    /// <summary>For the author of the driver.</summary>
    Debug,

    /// <summary>A change of state worth a line.</summary>
    Information,

    /// <summary>Something an operator should look at.</summary>
    Warning,

    /// <summary>Something failed.</summary>
    Error,
}

/// <summary>What the host lends to one store's driver.</summary>
public interface IStoreContext
{
    /// <summary>The store's id in the configuration.</summary>
    string StoreId { get; }

    /// <summary>The host's clock; drivers use it for time-outs and times, so that tests can move it.</summary>
    TimeProvider Time { get; }

    /// <summary>An existing private directory on local disk for this store alone; emptied at start.</summary>
    string ScratchDirectory { get; }

    /// <summary>The way out to addresses that somebody else than the operator named.</summary>
    IOutboundConnector Connector { get; }

    /// <summary>Writes a line to the host's log. The text must not hold a secret.</summary>
    void Log(StoreLogLevel level, string message, Exception? exception = null);
}
