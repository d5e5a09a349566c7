using System.Buffers.Binary;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// LUKS, version 1. Specification: "LUKS On-Disk Format Specification Version 1.2.3". All numbers are big-endian; the payload offset counts 512-byte sectors.
/// </summary>
internal sealed class LuksProbe() : FormatProbe(DiskFormat.Luks)
{
    private const int HeaderLength = 592;

    public override IEnumerable<Capture> Inspect()
    {
        var header = new Capture(0, HeaderLength);
        yield return header;
        if (!header.Bytes.StartsWith<byte>([(byte)'L', (byte)'U', (byte)'K', (byte)'S', 0xba, 0xbe]))
        {
            yield break;
        }

        Matched = true;
        if (!header.IsComplete)
        {
            FailShort();
            yield break;
        }

        var version = BinaryPrimitives.ReadUInt16BigEndian(header.Bytes[6..]);
        if (version != 1)
        {
            Fail(SafetyChecks.Version, $"it is version {version} of the format; only 1 is taken");
            yield break;
        }

        var end = Capture.End();
        yield return end;
        var payload = 512L * BinaryPrimitives.ReadUInt32BigEndian(header.Bytes[104..]);
        if (payload > end.TotalBytes)
        {
            FailShort();
            yield break;
        }

        VirtualSize = end.TotalBytes - payload;
    }
}
