namespace GlanceGateway.Fuse;

/// <summary>How a <see cref="Keeper"/> works.</summary>
public sealed record KeeperOptions
{
    /// <summary>Where it listens; its directory must not be writable for others than its owner.</summary>
    public required string Socket { get; init; }

    /// <summary>Users that may ask beside root and the user the keeper runs as.</summary>
    public IReadOnlyCollection<uint> Users { get; init; } = [];

    /// <summary>
    /// How long a mount may be without a server until it is given up: unmounted, and whoever waits gets an error. Null waits for ever.
    /// </summary>
    public TimeSpan? Grace { get; init; }

    /// <summary>How it mounts, apart from what the asker says.</summary>
    public FuseMountOptions Mount { get; init; } = new();

    /// <summary>Where descriptors outlive the keeper; null for nowhere.</summary>
    public DescriptorStore? Store { get; init; }
}
