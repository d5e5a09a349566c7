namespace GlanceGateway.Formats;

/// <summary>What the bytes of an image turned out to be.</summary>
public sealed record InspectionResult
{
    private InspectionResult()
    {
    }

    /// <summary>
    /// The formats that it is: none for a raw disk, more than one for a file that pretends to be several things at once.
    /// A partition table that lies inside another format (a bootable CD, a fixed VHD) is not counted.
    /// </summary>
    public required IReadOnlyList<DiskFormat> Detected { get; init; }

    /// <summary>Bytes of the disk that a guest sees: from the header of the one format, the length of a raw disk, null with several formats or a header that does not say.</summary>
    public required long? VirtualSize { get; init; }

    /// <summary>What is wrong with the detected formats; at most one finding per format and check.</summary>
    public required IReadOnlyList<SafetyFinding> Findings { get; init; }

    /// <summary>The kind of a VMDK, such as <c>streamOptimized</c>; null for anything else, or when it does not say.</summary>
    public string? Kind { get; private init; }

    /// <summary>Whether exactly one known format was found.</summary>
    public bool IsRecognised => Detected.Count == 1;

    /// <summary>Whether nothing was found, which makes it a raw disk.</summary>
    public bool IsRaw => Detected.Count == 0;

    internal static InspectionResult Of(IEnumerable<FormatProbe> probes, long totalBytes)
    {
        var all = probes.Where(probe => probe.Matched).ToList();
        var matched = all.FindAll(inner => !all.Exists(outer => outer.Encloses(inner.Format)));
        return new InspectionResult
        {
            Detected = [.. matched.Select(probe => probe.Format)],
            VirtualSize = matched.Count switch { 0 => totalBytes, 1 => matched[0].VirtualSize, _ => null },
            Kind = matched.Count == 1 ? matched[0].DiskKind : null,
            Findings = [.. matched.SelectMany(probe => probe.Findings)],
        };
    }
}
