namespace GlanceGateway.Images;

/// <summary>Glance's names of import plugins.</summary>
public static class ImportStepNames
{
    /// <summary>Unpacks gzip, and zip with one file.</summary>
    public const string Decompression = "image_decompression";

    /// <summary>Converts disks into one format.</summary>
    public const string Conversion = "image_conversion";

    /// <summary>Sets properties.</summary>
    public const string InjectMetadata = "inject_image_metadata";

    /// <summary>All, in the order in which they make sense and always run.</summary>
    public static IReadOnlyList<string> All { get; } = [Decompression, Conversion, InjectMetadata];
}

/// <summary>How compressed data is unpacked.</summary>
public sealed record DecompressionOptions
{
    /// <summary>Most bytes that come out of one that goes in; at least 2. What grows more is a bomb. Deflate makes at most 1032, and that of nothing but zeros.</summary>
    public int MaxRatio { get; init; } = 1000;
}

/// <summary>How disks are converted.</summary>
public sealed record ConversionOptions
{
    /// <summary>What they become: <c>raw</c>, <c>qcow2</c> or <c>vmdk</c>.</summary>
    public string OutputFormat { get; init; } = "raw";

    /// <summary>A local directory for the files under way; each conversion has one of its own in it.</summary>
    public string ScratchDirectory { get; init; } = Path.GetTempPath();

    /// <summary>Most bytes of one conversion's files: the data and the whole disk in it together.</summary>
    public long ScratchBytes { get; init; } = 200L << 30;

    /// <summary>Conversions at the same time; others wait. At least 1.</summary>
    public int Parallel { get; init; } = 1;

    /// <summary>Address space of the program that converts.</summary>
    public long MemoryBytes { get; init; } = 1L << 30;

    /// <summary>Its processor time.</summary>
    public TimeSpan ProcessorTime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>After which it is ended whatever it does.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromHours(4);
}

/// <summary>Which properties imported images get.</summary>
public sealed record InjectOptions
{
    /// <summary>The properties; they replace what is there.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; init; } = new Dictionary<string, string>();

    /// <summary>Whoever has one of these roles, in lower case, imports without.</summary>
    public IReadOnlyList<string> IgnoreUserRoles { get; init; } = ["admin"];
}
