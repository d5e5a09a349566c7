using GlanceGateway.Formats;

namespace GlanceGateway.Images;

/// <summary>Limits and formats. The defaults are Glance's.</summary>
public sealed record ImageOptions
{
    /// <summary>Largest image in bytes.</summary>
    public long SizeCap { get; init; } = 1L << 40;

    /// <summary>Custom properties per image; negative for no limit.</summary>
    public int PropertyQuota { get; init; } = 128;

    /// <summary>Tags per image; negative for no limit.</summary>
    public int TagQuota { get; init; } = 128;

    /// <summary>Members per image; negative for no limit.</summary>
    public int MemberQuota { get; init; } = 128;

    /// <summary>Locations per image that users may add; negative for no limit.</summary>
    public int LocationQuota { get; init; } = 10;

    /// <summary>Whether images tell where their data lies, as <c>direct_url</c>.</summary>
    public bool ShowDirectUrl { get; init; }

    /// <summary>Whether images show their locations, and owners may change them.</summary>
    public bool ShowMultipleLocations { get; init; }

    /// <summary>Whether the data at locations that are added is read for its hashes, and what is said of it proven.</summary>
    public bool SecureHash { get; init; } = true;

    /// <summary>Disk formats an image may have.</summary>
    public IReadOnlyList<string> DiskFormats { get; init; } =
        ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"];

    /// <summary>Container formats an image may have.</summary>
    public IReadOnlyList<string> ContainerFormats { get; init; } =
        ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"];

    /// <summary>Custom properties that the schema describes, beside or instead of those that Glance describes: text or null text, not base.</summary>
    public IReadOnlyList<ImageField> DescribedProperties { get; init; } = [];

    /// <summary>What the content of uploads must be.</summary>
    public FormatPolicy FormatPolicy { get; init; } = FormatPolicy.Default;

    /// <summary>A transfer without a byte for this long is ended.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>How long the data of a deleted image stays for readers of a mount of this process; zero for not at all.</summary>
    public TimeSpan MountDeleteGrace { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether that mount outlives the process, so that this one may have it from another and may leave it to another, with files open.</summary>
    public bool MountIsKept { get; init; }

    /// <summary>What operators call this gateway among several on one registry; null when it is alone on its registry.</summary>
    public string? Node { get; init; }

    /// <summary>How long a transfer's lease lives without renewal: the time after which another gateway cleans up behind a dead one.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(30);
}
