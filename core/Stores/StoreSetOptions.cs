namespace GlanceGateway.Stores;

/// <summary>What holds for all stores.</summary>
public sealed record StoreSetOptions
{
    /// <summary>A directory on local disk under which each store gets a private scratch directory, emptied at start.</summary>
    public required string ScratchRoot { get; init; }

    /// <summary>How long a store may take to start before it counts as failed.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long beginning a write, opening, deleting, settling or asking for capacity may take.</summary>
    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a commit may take before the driver is told to give up; completing a multipart object takes minutes on some backends.</summary>
    public TimeSpan CommitTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>What drivers may connect to for users; the backends that stand in their own options are not concerned.</summary>
    public OutboundRules Outbound { get; init; } = new();

    /// <summary>The hashes of the plugins that may be loaded (<see cref="PluginIdentity.Hash"/>); null when every trusted folder may.</summary>
    public IReadOnlyCollection<string>? AllowedPlugins { get; init; }

    /// <summary>Whether code of plugins that may be unloaded is, after its last use; otherwise all code stays until the process ends.</summary>
    public bool UnloadPlugins { get; init; } = true;

    /// <summary>How long transfers may run on in a driver that was replaced or removed before they are cut. As long as the slowest download: what it
    /// costs to wait is the old driver's memory and connections.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Asked about the local paths of a store that comes up after the start: why it must not, or null.</summary>
    public Func<string, string?>? ObjectionToPath { get; init; }
}
