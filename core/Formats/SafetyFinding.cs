namespace GlanceGateway.Formats;

/// <summary>Something in an image that makes it unsafe to open, or impossible to say that it is safe.</summary>
/// <param name="Format">The format that was read.</param>
/// <param name="Check">The name of the check that failed, stable and in lower case, such as <c>backing_file</c>; the constants of <see cref="SafetyChecks"/>.</param>
/// <param name="Reason">Why, as a sentence in plain words. Holds at most a short, cleaned word of what the image says.</param>
public sealed record SafetyFinding(DiskFormat Format, string Check, string Reason);

/// <summary>The names of the checks.</summary>
public static class SafetyChecks
{
    /// <summary>The header is cut short or contradicts itself, so nothing else could be checked.</summary>
    public const string Header = "header";

    /// <summary>A version that is not read here.</summary>
    public const string Version = "version";

    /// <summary>The image takes data from another file: a backing file or a parent.</summary>
    public const string BackingFile = "backing_file";

    /// <summary>The image keeps its data in another file.</summary>
    public const string DataFile = "data_file";

    /// <summary>Features that a reader must know and that are not known here.</summary>
    public const string UnknownFeatures = "unknown_features";

    /// <summary>A kind of the format that is not taken.</summary>
    public const string Kind = "kind";

    /// <summary>The text that describes a disk is missing or breaks its rules.</summary>
    public const string Descriptor = "descriptor";

    /// <summary>The end of the image does not agree with its beginning.</summary>
    public const string Footer = "footer";

    /// <summary>The format is never taken.</summary>
    public const string Banned = "banned";

    /// <summary>The table of partitions in the first sector breaks its rules.</summary>
    public const string Mbr = "mbr";

    /// <summary>The entry in the first sector that protects a GPT breaks its rules.</summary>
    public const string GptMbr = "gptmbr";
}
