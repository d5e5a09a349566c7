using System.Buffers.Binary;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// VDI. Specification: VirtualBox, <c>src/VBox/Storage/VDICore.h</c>, versions 1.x. All numbers are little-endian.
/// </summary>
internal sealed class VdiProbe() : FormatProbe(DiskFormat.Vdi)
{
    private const uint Signature = 0xbeda107f;
    private const uint Differencing = 4;
    private const int HeaderLength = 0x1c8;

    public override IEnumerable<Capture> Inspect()
    {
        var capture = new Capture(0, HeaderLength);
        yield return capture;
        Check(capture.Bytes);
    }

    private void Check(ReadOnlySpan<byte> header)
    {
        // Free text comes before the signature.
        if (header.Length < 0x44 || BinaryPrimitives.ReadUInt32LittleEndian(header[0x40..]) != Signature)
        {
            return;
        }

        Matched = true;
        if (header.Length < HeaderLength)
        {
            FailShort();
            return;
        }

        SetVirtualSize(BinaryPrimitives.ReadUInt64LittleEndian(header[0x170..]));

        // The two identities that follow each other here name what a differencing disk stands on.
        if (BinaryPrimitives.ReadUInt32LittleEndian(header[0x4c..]) == Differencing || header[0x1a8..0x1c8].ContainsAnyExcept((byte)0))
        {
            Fail(SafetyChecks.BackingFile, "it is a differencing disk, which takes part of its data from a parent");
        }
    }
}
