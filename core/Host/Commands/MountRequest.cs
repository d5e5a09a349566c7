using System.Net;

namespace GlanceGateway.Host.Commands;

/// <summary>A mount that was asked for. Every path is absolute.</summary>
internal sealed record MountRequest
{
    /// <summary>Image endpoints in the order of preference; empty to take them from the cloud.</summary>
    public required IReadOnlyList<Uri> Endpoints { get; init; }

    /// <summary>The mount point.</summary>
    public required string Directory { get; init; }

    /// <summary>The cloud of <c>clouds.yaml</c>; null for <c>OS_*</c>.</summary>
    public string? Cloud { get; init; }

    /// <summary>The only authorities that are believed; null for the cloud's, or the system's.</summary>
    public string? AuthorityFile { get; init; }

    /// <summary>Whether any certificate is believed.</summary>
    public bool Insecure { get; init; }

    /// <summary>Owner of everything shown.</summary>
    public uint Uid { get; init; }

    /// <summary>Group of everything shown.</summary>
    public uint Gid { get; init; }

    /// <summary>Whether everybody on this host may read.</summary>
    public bool WorldReadable { get; init; }

    /// <summary>Whether other users get to the permission bits at all.</summary>
    public bool AllowOther { get; init; }

    /// <summary>The keeper's socket; null to mount in this process.</summary>
    public string? Keeper { get; init; }

    /// <summary>The cache directory.</summary>
    public required string Cache { get; init; }

    /// <summary>Bytes that the cache may take.</summary>
    public long CacheBytes { get; init; }

    /// <summary>Bytes that it leaves free.</summary>
    public long CacheFreeBytes { get; init; }

    /// <summary>Bytes that a sequential reader is at most read ahead.</summary>
    public long ReadAheadBytes { get; init; }

    /// <summary>How often changed images are asked for.</summary>
    public TimeSpan PollInterval { get; init; }

    /// <summary>How often everything is listed.</summary>
    public TimeSpan SweepInterval { get; init; }

    /// <summary>How long a read may take.</summary>
    public TimeSpan ReadTimeout { get; init; }

    /// <summary>Where metrics are told; null for nowhere.</summary>
    public IPEndPoint? Metrics { get; init; }

    /// <summary>The file of images that are kept in the cache; null for none.</summary>
    public string? WarmList { get; init; }

    /// <summary>Whether the command returns when the mount is there.</summary>
    public bool Background { get; init; }

    /// <summary>Where log lines go; null for standard error.</summary>
    public string? LogFile { get; init; }
}
