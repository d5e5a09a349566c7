using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>How images are imported.</summary>
public sealed record ImportOptions
{
    /// <summary>The methods that clients may use, in the order in which they are announced. One that this gateway does not know, or cannot use
    /// because it has no staging area, is left out.</summary>
    public IReadOnlyList<string> Methods { get; init; } = [ImportMethodNames.GlanceDirect, ImportMethodNames.WebDownload, ImportMethodNames.CopyImage];

    /// <summary>Imports that run at the same time in this process; others wait. At least 1.</summary>
    public int ParallelImports { get; init; } = 8;

    /// <summary>Stores into which one import copies at the same time. At least 1.</summary>
    public int ParallelStores { get; init; } = 2;

    /// <summary>What happens to staged data before it goes into stores, by <see cref="ImportStepNames"/>. They run in the order of
    /// <see cref="ImportStepNames.All"/>.</summary>
    public IReadOnlyList<string> Plugins { get; init; } = [];

    /// <summary>How <see cref="ImportStepNames.Decompression"/> works.</summary>
    public DecompressionOptions Decompression { get; init; } = new();

    /// <summary>How <see cref="ImportStepNames.Conversion"/> works.</summary>
    public ConversionOptions Conversion { get; init; } = new();

    /// <summary>What <see cref="ImportStepNames.InjectMetadata"/> sets.</summary>
    public InjectOptions Inject { get; init; } = new();

    /// <summary>What <c>web-download</c> may connect to.</summary>
    public OutboundRules Outbound { get; init; } = new();

    /// <summary>The image services of other regions, for <c>glance-download</c>; null for none, which leaves the method out. Not disposed.</summary>
    public IImageRegions? Regions { get; init; }

    /// <summary>How the names of properties begin that <c>glance-download</c> copies from the other region's image.</summary>
    public IReadOnlyList<string> CopiedProperties { get; init; } = ["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"];

    /// <summary>How long the record of a task stays after its end.</summary>
    public TimeSpan TaskLifetime { get; init; } = TimeSpan.FromHours(48);
}
