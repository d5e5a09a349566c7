using System.Buffers.Binary;

namespace GlanceGateway.Formats.Probes;

/// <summary>
/// VHDX. Specification: Microsoft, [MS-VHDX] "Virtual Hard Disk v2 (VHDX) File Format". All numbers are little-endian.
/// </summary>
/// <remarks>
/// The way to the size of the disk: two copies of the region table at fixed places → the metadata region, at a whole mebibyte behind them →
/// its table → the item. The specification lets regions and items lie in any order; all lie behind what points to them, so one pass suffices.
/// Tables with more entries than fit in <see cref="TableLength"/> are refused: two regions and about six items exist.
/// A reader may use either copy of the region table, so both must say the same.
/// </remarks>
internal sealed class VhdxProbe() : FormatProbe(DiskFormat.Vhdx)
{
    private const int TableLength = 4096;
    private const int EntryLength = 32;
    private const int RegionHeaderLength = 16;
    private const long FirstRegionTable = 192 * 1024;
    private const long SecondRegionTable = 256 * 1024;
    private const long RegionAlignment = 1 << 20;

    /// <summary>Items lie behind the metadata table, which fills this much of its region.</summary>
    private const uint MetadataTableLength = 64 * 1024;

    private const uint HasParent = 2;

    private static readonly Guid metadataRegion = new("8B7CA206-4790-4B9A-B8FE-575F050F886E");
    private static readonly Guid virtualDiskSizeItem = new("2FA54224-CD1B-4876-B211-5DBED83BF4B8");
    private static readonly Guid fileParametersItem = new("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");

    private long regionOffset;
    private uint regionLength;
    private long sizeOffset;
    private long parametersOffset;

    public override IEnumerable<Capture> Inspect()
    {
        var identifier = new Capture(0, 8);
        yield return identifier;
        if (!identifier.Bytes.SequenceEqual("vhdxfile"u8))
        {
            yield break;
        }

        Matched = true;
        var first = new Capture(FirstRegionTable, TableLength);
        yield return first;
        var second = new Capture(SecondRegionTable, TableLength);
        yield return second;
        if (!FindMetadataRegion(first, second))
        {
            yield break;
        }

        var table = new Capture(regionOffset, TableLength);
        yield return table;
        if (!FindItems(table))
        {
            yield break;
        }

        // Eight bytes each; the nearer one first.
        var size = new Capture(sizeOffset, 8);
        var parameters = new Capture(parametersOffset, 8);
        yield return sizeOffset < parametersOffset ? size : parameters;
        yield return sizeOffset < parametersOffset ? parameters : size;
        if (!size.IsComplete || !parameters.IsComplete)
        {
            FailShort();
            yield break;
        }

        SetVirtualSize(BinaryPrimitives.ReadUInt64LittleEndian(size.Bytes));
        if ((BinaryPrimitives.ReadUInt32LittleEndian(parameters.Bytes[4..]) & HasParent) != 0)
        {
            Fail(SafetyChecks.BackingFile, "it is a differencing disk, which takes part of its data from a parent");
        }
    }

    /// <summary>Where the one entry with this id begins; -1 with none or several.</summary>
    private static int FindEntry(ReadOnlySpan<byte> table, int headerLength, int count, Guid id)
    {
        var found = -1;
        for (var i = 0; i < count; i++)
        {
            var at = headerLength + (i * EntryLength);
            if (new Guid(table.Slice(at, 16)) != id)
            {
                continue;
            }

            if (found >= 0)
            {
                return -1;
            }

            found = at;
        }

        return found;
    }

    private bool FindMetadataRegion(Capture first, Capture second)
    {
        if (!second.IsComplete)
        {
            FailShort();
            return false;
        }

        var table = first.Bytes;
        var count = BinaryPrimitives.ReadUInt32LittleEndian(table[8..]);
        if (!table.StartsWith("regi"u8) || count > (TableLength - RegionHeaderLength) / EntryLength)
        {
            Fail(SafetyChecks.Header, "its table of regions is damaged");
            return false;
        }

        var used = RegionHeaderLength + ((int)count * EntryLength);
        if (!table[..used].SequenceEqual(second.Bytes[..used]))
        {
            Fail(SafetyChecks.Header, "its two tables of regions differ");
            return false;
        }

        var entry = FindEntry(table, RegionHeaderLength, (int)count, metadataRegion);
        if (entry < 0)
        {
            Fail(SafetyChecks.Header, "its table of regions does not name one metadata region");
            return false;
        }

        var offset = BinaryPrimitives.ReadUInt64LittleEndian(table[(entry + 16)..]);
        regionLength = BinaryPrimitives.ReadUInt32LittleEndian(table[(entry + 24)..]);
        if (offset is < RegionAlignment or > Capture.MaxOffset - uint.MaxValue || offset % RegionAlignment != 0 || regionLength <= MetadataTableLength)
        {
            Fail(SafetyChecks.Header, "its metadata region lies at an impossible place");
            return false;
        }

        regionOffset = (long)offset;
        return true;
    }

    private bool FindItems(Capture table)
    {
        if (!table.IsComplete)
        {
            FailShort();
            return false;
        }

        var count = BinaryPrimitives.ReadUInt16LittleEndian(table.Bytes[10..]);
        if (!table.Bytes.StartsWith("metadata"u8) || count > (TableLength - EntryLength) / EntryLength)
        {
            Fail(SafetyChecks.Header, "its table of metadata is damaged");
            return false;
        }

        if (!FindItem(table.Bytes, count, virtualDiskSizeItem, out sizeOffset) || !FindItem(table.Bytes, count, fileParametersItem, out parametersOffset)
            || Math.Abs(sizeOffset - parametersOffset) < 8)
        {
            Fail(SafetyChecks.Header, "its metadata do not say once, at a possible place, how large the disk is and whether it has a parent");
            return false;
        }

        return true;
    }

    private bool FindItem(ReadOnlySpan<byte> table, int count, Guid id, out long offset)
    {
        offset = 0;
        var entry = FindEntry(table, EntryLength, count, id);
        if (entry < 0)
        {
            return false;
        }

        var inRegion = BinaryPrimitives.ReadUInt32LittleEndian(table[(entry + 16)..]);
        var length = BinaryPrimitives.ReadUInt32LittleEndian(table[(entry + 20)..]);
        offset = regionOffset + inRegion;
        return length == 8 && inRegion >= MetadataTableLength && inRegion <= regionLength - length;
    }
}
