namespace GlanceGateway.Formats.Probes;

/// <summary>
/// CDs and DVDs. Specifications: ECMA-119 (ISO 9660) and ECMA-167 (the volume recognition sequence of UDF). Sectors of 2 KiB; the first 16 are free
/// for boot code, so a CD that boots from a USB stick too carries a partition table there.
/// </summary>
internal sealed class IsoProbe() : FormatProbe(DiskFormat.Iso)
{
    private const int SectorLength = 2048;
    private const long FirstDescriptor = 16 * SectorLength;

    public override bool Encloses(DiskFormat other) => Matched && other == DiskFormat.Gpt;

    public override IEnumerable<Capture> Inspect()
    {
        // ISO 9660 is known by its first descriptor; UDF without it by its second.
        var descriptors = new Capture(FirstDescriptor, SectorLength + 6);
        yield return descriptors;
        if (!HasIdentifier(descriptors, 0, "CD001"u8)
            && !(HasIdentifier(descriptors, 0, "BEA01"u8) && (HasIdentifier(descriptors, 1, "NSR02"u8) || HasIdentifier(descriptors, 1, "NSR03"u8))))
        {
            yield break;
        }

        Matched = true;
        var end = Capture.End();
        yield return end;
        VirtualSize = end.TotalBytes;
    }

    private static bool HasIdentifier(Capture descriptors, int sector, ReadOnlySpan<byte> identifier)
    {
        var at = (sector * SectorLength) + 1;
        return descriptors.Count > at && descriptors.Bytes[at..].StartsWith(identifier);
    }
}
