using System.Buffers.Binary;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// qcow2, versions 2 and 3. Specification: QEMU, <c>docs/interop/qcow2.txt</c>. All numbers are big-endian.
/// </summary>
/// <remarks>
/// A backing file or an external data file names a file of the machine that opens the image, so either would let an image read its host's files
/// (CVE-2015-5163, CVE-2024-32498). Feature bits beyond those known here could mean the same tomorrow.
/// </remarks>
internal sealed class Qcow2Probe() : FormatProbe(DiskFormat.Qcow2)
{
    private const int Version2HeaderLength = 72;
    private const int Version3HeaderLength = 104;

    /// <summary>Bit 2 of the incompatible features: the data lie in another file.</summary>
    private const ulong ExternalDataFile = 1 << 2;

    /// <summary>Dirty, corrupt, external data file, compression type. Extended L2 entries (bit 4) are not taken, as in Glance.</summary>
    private const ulong KnownIncompatibleFeatures = 0b1111;

    public override IEnumerable<Capture> Inspect()
    {
        var header = new Capture(0, Version3HeaderLength);
        yield return header;
        if (!header.Bytes.StartsWith<byte>([(byte)'Q', (byte)'F', (byte)'I', 0xfb]))
        {
            yield break;
        }

        Matched = true;
        Check(header.Bytes);
    }

    private void Check(ReadOnlySpan<byte> header)
    {
        if (header.Length < Version2HeaderLength)
        {
            FailShort();
            return;
        }

        var version = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        if (version is not (2 or 3))
        {
            Fail(SafetyChecks.Version, $"it is version {version} of the format; only 2 and 3 are taken");
            return;
        }

        if (BinaryPrimitives.ReadUInt64BigEndian(header[8..]) != 0)
        {
            Fail(SafetyChecks.BackingFile, "it has a backing file, from which it takes part of its data");
        }

        SetVirtualSize(BinaryPrimitives.ReadUInt64BigEndian(header[24..]));
        if (version == 2)
        {
            return;
        }

        if (header.Length < Version3HeaderLength)
        {
            FailShort();
            return;
        }

        var features = BinaryPrimitives.ReadUInt64BigEndian(header[72..]);
        if ((features & ExternalDataFile) != 0)
        {
            Fail(SafetyChecks.DataFile, "it keeps its data in another file");
        }

        if ((features & ~KnownIncompatibleFeatures) != 0)
        {
            Fail(SafetyChecks.UnknownFeatures, $"it uses features that are not taken (incompatible feature bits 0x{features & ~KnownIncompatibleFeatures:x})");
        }
    }
}
