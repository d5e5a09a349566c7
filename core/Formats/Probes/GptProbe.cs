using System.Buffers.Binary;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// A raw disk with partitions. Specification: UEFI, chapter 5 (legacy MBR, protective MBR). Only the first sector is looked at.
/// </summary>
/// <remarks>
/// A FAT volume without partitions ends its first sector with the same two bytes; its parameter block tells it apart, and it counts as raw.
/// </remarks>
internal sealed class GptProbe() : FormatProbe(DiskFormat.Gpt)
{
    private const int SectorLength = 512;
    private const int FirstEntry = 446;
    private const int EntryLength = 16;
    private const int EntryCount = 4;
    private const byte Protective = 0xee;

    public override IEnumerable<Capture> Inspect()
    {
        var sector = new Capture(0, SectorLength);
        yield return sector;
        if (!sector.IsComplete || sector.Bytes[510] != 0x55 || sector.Bytes[511] != 0xaa || IsFatVolume(sector.Bytes))
        {
            yield break;
        }

        Matched = true;
        Check(sector.Bytes[FirstEntry..]);
        var end = Capture.End();
        yield return end;
        VirtualSize = end.TotalBytes;
    }

    /// <summary>A jump over a parameter block whose values are those of a FAT file system: sector and cluster sizes, one or two FATs, a media byte.</summary>
    private static bool IsFatVolume(ReadOnlySpan<byte> sector) =>
        (sector[0] == 0xe9 || (sector[0] == 0xeb && sector[2] == 0x90))
        && BinaryPrimitives.ReadUInt16LittleEndian(sector[11..]) is 512 or 1024 or 2048 or 4096
        && byte.IsPow2(sector[13])
        && sector[16] is 1 or 2
        && sector[21] is 0xf0 or >= 0xf8;

    private void Check(ReadOnlySpan<byte> table)
    {
        var partitions = 0;
        var protects = false;
        for (var i = 0; i < EntryCount; i++)
        {
            var entry = table.Slice(i * EntryLength, EntryLength);
            if (entry[0] is not (0 or 0x80))
            {
                Fail(SafetyChecks.Mbr, $"entry {i + 1} of its partition table has the boot flag 0x{entry[0]:x2}, which is neither 0x00 nor 0x80");
            }

            partitions += entry[4] != 0 ? 1 : 0;
            if (entry[4] != Protective)
            {
                continue;
            }

            protects = true;
            if (!entry[1..4].SequenceEqual<byte>([0, 2, 0]))
            {
                Fail(SafetyChecks.GptMbr, "the entry that protects its GPT does not start at cylinder 0, head 0, sector 2");
            }

            if (BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]) != 1)
            {
                Fail(SafetyChecks.GptMbr, "the entry that protects its GPT does not start at block 1");
            }
        }

        if (protects && partitions > 1)
        {
            Fail(SafetyChecks.GptMbr, "the entry that protects its GPT is not the only one");
        }

        if (partitions == 0)
        {
            Fail(SafetyChecks.Mbr, "its partition table is empty");
        }
    }
}
