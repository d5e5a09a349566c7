using System.Buffers.Binary;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// VHD. Specification: Microsoft, "Virtual Hard Disk Image Format Specification". All numbers are big-endian.
/// </summary>
/// <remarks>
/// The last sector describes the disk. Dynamic and differencing disks begin with a copy of it; a fixed disk begins with the first byte of
/// the guest's disk, so it is a raw disk with a trailer, and a partition table at its front belongs to the guest.
/// </remarks>
internal sealed class VhdProbe() : FormatProbe(DiskFormat.Vhd)
{
    private const int FooterLength = 512;
    private const uint Fixed = 2;
    private const uint Differencing = 4;

    private bool isTrailerOnly;

    public override bool Encloses(DiskFormat other) => isTrailerOnly && other == DiskFormat.Gpt;

    public override IEnumerable<Capture> Inspect()
    {
        var front = new Capture(0, FooterLength);
        yield return front;
        var end = Capture.End();
        yield return end;
        Check(front.Bytes, end.Count >= FooterLength ? end.Bytes[^FooterLength..] : []);
    }

    private static bool IsFooter(ReadOnlySpan<byte> bytes) => bytes.StartsWith("conectix"u8);

    private static ulong CurrentSize(ReadOnlySpan<byte> footer) => BinaryPrimitives.ReadUInt64BigEndian(footer[48..]);

    private static uint Kind(ReadOnlySpan<byte> footer) => BinaryPrimitives.ReadUInt32BigEndian(footer[60..]);

    private void Check(ReadOnlySpan<byte> front, ReadOnlySpan<byte> end)
    {
        var footer = IsFooter(front) ? front : end;
        if (!IsFooter(footer))
        {
            return;
        }

        Matched = true;
        if (footer.Length < FooterLength)
        {
            FailShort();
            return;
        }

        isTrailerOnly = !IsFooter(front) && Kind(end) == Fixed;
        SetVirtualSize(CurrentSize(footer));
        if (IsFooter(front) && IsFooter(end) && (CurrentSize(front) != CurrentSize(end) || Kind(front) != Kind(end)))
        {
            // Some readers believe the one, some the other.
            Fail(SafetyChecks.Footer, "its first sector and its last one describe different disks");
        }

        if (Kind(footer) == Differencing)
        {
            Fail(SafetyChecks.BackingFile, "it is a differencing disk, which takes part of its data from a parent");
        }
    }
}
