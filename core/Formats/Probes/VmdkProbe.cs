using System.Buffers.Binary;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// VMDK. Specification: VMware, "Virtual Disk Format 5.0". All numbers are little-endian; offsets and sizes count 512-byte sectors.
/// </summary>
/// <remarks>
/// <para>
/// A VMDK is described by a text that lists the files holding the data. An image must be whole by itself, so the text has to lie inside the one
/// file, be of a kind that keeps everything there, and name no path (CVE-2022-47951). The rules of the text are in <see cref="VmdkDescriptor"/>.
/// </para>
/// <para>
/// A stream-optimized file may put its real header at the end: the first one then says that its directory is "at the end", and the last three
/// sectors are a marker, the footer (a second header) and the end of the stream. A reader takes the footer, so it must agree with what was checked.
/// </para>
/// </remarks>
internal sealed class VmdkProbe() : FormatProbe(DiskFormat.Vmdk)
{
    private const int SectorLength = 512;
    private const int TextProbeLength = 4096;
    private const ulong DirectoryAtEnd = ulong.MaxValue;
    private const uint FooterMarker = 3;

    public override IEnumerable<Capture> Inspect()
    {
        var header = new Capture(0, SectorLength);
        yield return header;
        if (header.Bytes.StartsWith("KDMV"u8))
        {
            Matched = true;
            if (!header.IsComplete)
            {
                FailShort();
                yield break;
            }

            if (ChecksHeader(header.Bytes))
            {
                var text = new Capture((long)DescriptorOffset(header.Bytes) * SectorLength, (int)DescriptorLength(header.Bytes) * SectorLength);
                yield return text;
                CheckDescriptor(text);
            }

            if (DirectoryOffset(header.Bytes) == DirectoryAtEnd)
            {
                var end = Capture.End();
                yield return end;
                CheckFooter(header.Bytes, end.Bytes);
            }
        }
        else if (header.Bytes.StartsWith("COWD"u8))
        {
            Matched = true;
            Fail(SafetyChecks.Kind, "it is an extent of a virtual machine host (COWD), not a whole disk");
        }
        else
        {
            var isText = VmdkDescriptor.Recognise(header.Bytes);
            if (isText is null && header.IsComplete)
            {
                var more = new Capture(SectorLength, TextProbeLength - SectorLength);
                yield return more;
                isText = VmdkDescriptor.Recognise([.. header.Bytes, .. more.Bytes]);
            }

            if (isText == true)
            {
                Matched = true;
                Fail(SafetyChecks.DataFile, "it is only the description of a disk, whose data lie in other files");
            }
        }
    }

    private static uint Version(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);

    private static ulong Capacity(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt64LittleEndian(header[12..]);

    private static ulong DescriptorOffset(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt64LittleEndian(header[28..]);

    private static ulong DescriptorLength(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt64LittleEndian(header[36..]);

    private static ulong DirectoryOffset(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt64LittleEndian(header[56..]);

    /// <returns>Whether there is a descriptor to look at.</returns>
    private bool ChecksHeader(ReadOnlySpan<byte> header)
    {
        SetVirtualSize(Capacity(header), SectorLength);
        if (Capacity(header) == 0)
        {
            // QEMU then opens the files that the descriptor names instead of this one.
            Fail(SafetyChecks.Header, "its header claims a disk without any sectors");
        }

        if (DescriptorOffset(header) == 0 || DescriptorLength(header) == 0)
        {
            Fail(SafetyChecks.Descriptor, "it holds no description of the disk, so it is a part of one");
            return false;
        }

        if (DescriptorLength(header) > Capture.MaxLength / SectorLength || DescriptorOffset(header) > Capture.MaxOffset / SectorLength)
        {
            Fail(SafetyChecks.Descriptor, "its description of the disk is longer or farther away than any real one");
            return false;
        }

        return true;
    }

    private void CheckDescriptor(Capture text)
    {
        var end = text.Bytes.IndexOf((byte)0);
        if (end < 0)
        {
            // Readers that do not know the length go on behind it.
            Fail(SafetyChecks.Descriptor, text.IsComplete ? "its description of the disk has no end" : "the image ends inside the description of the disk");
            return;
        }

        var failures = VmdkDescriptor.Check(text.Bytes[..end], out var kind);
        DiskKind = kind;
        foreach (var (check, reason) in failures)
        {
            Fail(check, reason);
        }
    }

    private void CheckFooter(ReadOnlySpan<byte> header, ReadOnlySpan<byte> end)
    {
        if (end.Length < 3 * SectorLength)
        {
            Fail(SafetyChecks.Footer, "it ends before its footer");
            return;
        }

        var marker = end[..SectorLength];
        var footer = end.Slice(SectorLength, SectorLength);
        var endOfStream = end.Slice(2 * SectorLength, SectorLength);
        if (BinaryPrimitives.ReadUInt32LittleEndian(marker[8..]) != 0 || BinaryPrimitives.ReadUInt32LittleEndian(marker[12..]) != FooterMarker
            || !footer.StartsWith("KDMV"u8))
        {
            Fail(SafetyChecks.Footer, "its header points to a footer, but there is none");
        }
        else if (Version(footer) != Version(header) || Capacity(footer) != Capacity(header)
            || DescriptorOffset(footer) != DescriptorOffset(header) || DescriptorLength(footer) != DescriptorLength(header))
        {
            Fail(SafetyChecks.Footer, "its footer and its header describe different disks");
        }
        else if (DirectoryOffset(footer) is 0 or DirectoryAtEnd)
        {
            Fail(SafetyChecks.Footer, "its footer points to another footer");
        }

        // Value, size and type of the marker: all zero.
        if (endOfStream[..16].ContainsAnyExcept((byte)0))
        {
            Fail(SafetyChecks.Footer, "it does not end with the mark of the end of a stream");
        }
    }
}
