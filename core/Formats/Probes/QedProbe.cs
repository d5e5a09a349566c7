using System.Buffers.Binary;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// QED. Specification: QEMU, <c>docs/interop/qed_spec.txt</c>. Always refused: nobody has maintained the format for years, and it can name a backing file.
/// </summary>
internal sealed class QedProbe() : FormatProbe(DiskFormat.Qed)
{
    public override IEnumerable<Capture> Inspect()
    {
        var header = new Capture(0, 56);
        yield return header;
        if (!header.Bytes.StartsWith("QED\0"u8))
        {
            yield break;
        }

        Matched = true;
        Fail(SafetyChecks.Banned, "the format is not taken");
        if (header.IsComplete)
        {
            SetVirtualSize(BinaryPrimitives.ReadUInt64LittleEndian(header.Bytes[48..]));
        }
    }
}
