namespace GlanceGateway.Formats;

/// <summary>What an operator demands of the content of images.</summary>
public sealed record FormatPolicy
{
    /// <summary>Whether content that is not of the image's <c>disk_format</c>, or of several formats at once, is refused; otherwise it is taken with a warning.</summary>
    public bool RequireMatch { get; init; } = true;

    /// <summary>Checks of partition tables (<see cref="SafetyChecks.Mbr"/>, <see cref="SafetyChecks.GptMbr"/>) whose failure is only a warning.</summary>
    public IReadOnlyCollection<string> GptNonFatalChecks { get; init; } = [];

    /// <summary>The kinds of VMDK whose data is all in the file; no others are ever taken.</summary>
    public static IReadOnlyList<string> KnownVmdkKinds { get; } = ["streamOptimized", "monolithicSparse"];

    /// <summary>Those of them that are taken.</summary>
    public IReadOnlyCollection<string> VmdkKinds { get; init; } = KnownVmdkKinds;

    /// <summary>Glance's defaults.</summary>
    public static FormatPolicy Default { get; } = new();
}
