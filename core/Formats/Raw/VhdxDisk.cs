using System.Buffers.Binary;
using System.Numerics;

namespace GlanceGateway.Formats.Raw;

/// <summary>
/// The disk of a VHDX, fixed and dynamic. Specification: Microsoft, [MS-VHDX] "Virtual Hard Disk v2 (VHDX) File Format". All numbers are little-endian.
/// </summary>
/// <remarks>
/// <para>
/// Two headers, of which the valid one with the higher number counts, tell whether the log holds changes that are not yet in their places: such an
/// image was not closed in good order, and to read it would take replaying the log, so it is refused. The region table names the block allocation
/// table and the metadata, which hold the sizes.
/// </para>
/// <para>The table has an entry per block, and after every so many (the chunk ratio) one of a bitmap that only differencing disks use.</para>
/// </remarks>
internal sealed class VhdxDisk : RawDisk
{
    private const int HeaderLength = 4096;
    private const long FirstHeader = 64 * 1024;
    private const long SecondHeader = 128 * 1024;
    private const long RegionTable = 192 * 1024;
    private const int TableLength = 64 * 1024;
    private const int EntryLength = 32;
    private const int RegionHeaderLength = 16;
    private const int MaxEntries = (TableLength - EntryLength) / EntryLength;
    private const uint IsRequired = 1;
    private const uint HasParent = 2;
    private const long SectorsPerBitmap = 1 << 23;
    private const uint MinBlockLength = 1 << 20;
    private const uint MaxBlockLength = 256 << 20;
    private const long MaxDiskLength = 64L << 40;

    /// <summary>Bits 20 to 63 of an entry: where the block lies, in whole MiB.</summary>
    private const ulong OffsetMask = ~0xfffffUL;

    private static readonly Guid blockTableRegion = new("2DC27766-F623-4200-9D64-115E9BFD4A08");
    private static readonly Guid metadataRegion = new("8B7CA206-4790-4B9A-B8FE-575F050F886E");
    private static readonly Guid fileParametersItem = new("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");
    private static readonly Guid diskLengthItem = new("2FA54224-CD1B-4876-B211-5DBED83BF4B8");
    private static readonly Guid sectorLengthItem = new("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");

    private readonly long _tableOffset;
    private readonly uint _blockLength;
    private readonly long _chunkRatio;

    private VhdxDisk(ImageFile file, long length, long tableOffset, uint blockLength, long chunkRatio)
        : base(file, length)
    {
        _tableOffset = tableOffset;
        _blockLength = blockLength;
        _chunkRatio = chunkRatio;
    }

    private enum BlockState
    {
        NotPresent = 0,
        Undefined = 1,
        Zero = 2,
        Unmapped = 3,
        UnmappedInDrafts = 5,
        FullyPresent = 6,
    }

    /// <inheritdoc/>
    public override int ClusterLength => (int)Math.Min(_blockLength, 2 << 20);

    /// <exception cref="RawViewException">The image cannot be shown.</exception>
    public static async Task<VhdxDisk> OpenAsync(ImageFile file, CancellationToken cancellationToken)
    {
        var first = await file.ReadHeaderAsync(FirstHeader, HeaderLength, cancellationToken);
        var second = await file.ReadHeaderAsync(SecondHeader, HeaderLength, cancellationToken);
        CheckHeaders(first.Span, second.Span);

        var regions = Regions((await file.ReadHeaderAsync(RegionTable, TableLength, cancellationToken)).Span);
        var metadata = Region(regions, metadataRegion, file);
        var blockTable = Region(regions, blockTableRegion, file);

        var items = (await file.ReadHeaderAsync(metadata.Offset, TableLength, cancellationToken)).ToArray();
        if (items.Length < TableLength || !items.AsSpan().StartsWith("metadata"u8) || BinaryPrimitives.ReadUInt16LittleEndian(items.AsSpan(10)) > MaxEntries)
        {
            throw new RawViewException("The metadata of the image are damaged.");
        }

        var parameters = await ItemAsync(file, metadata, items, fileParametersItem, 8, cancellationToken);
        var length = BinaryPrimitives.ReadUInt64LittleEndian((await ItemAsync(file, metadata, items, diskLengthItem, 8, cancellationToken)).Span);
        var sector = BinaryPrimitives.ReadUInt32LittleEndian((await ItemAsync(file, metadata, items, sectorLengthItem, 4, cancellationToken)).Span);
        var block = BinaryPrimitives.ReadUInt32LittleEndian(parameters.Span);
        if ((BinaryPrimitives.ReadUInt32LittleEndian(parameters.Span[4..]) & HasParent) != 0)
        {
            throw new RawViewException("The image is a differencing disk, which takes part of its data from a parent.");
        }

        if (sector is not (512 or 4096) || !uint.IsPow2(block) || block is < MinBlockLength or > MaxBlockLength || length % sector != 0 || length > MaxDiskLength)
        {
            throw new RawViewException("The metadata of the image are damaged: its disk, blocks or sectors have an impossible size.");
        }

        var chunkRatio = SectorsPerBitmap * sector / block;
        var blocks = ((long)length + block - 1) / block;
        if (blocks > 0 && (blocks + ((blocks - 1) / chunkRatio)) * sizeof(ulong) > blockTable.Length)
        {
            throw new RawViewException("The image is damaged: its table of blocks does not span the disk.");
        }

        return new VhdxDisk(file, (long)length, blockTable.Offset, block, chunkRatio);
    }

    public override async ValueTask<Run> FindAsync(long offset, CancellationToken cancellationToken)
    {
        var block = offset / _blockLength;
        var inBlock = offset % _blockLength;
        var entry = await File.ReadUInt64Async(_tableOffset + ((block + (block / _chunkRatio)) * sizeof(ulong)), bigEndian: false, cancellationToken);
        var rest = _blockLength - inBlock;
        return (BlockState)(entry & 7) switch
        {
            BlockState.NotPresent or BlockState.Undefined or BlockState.Zero or BlockState.Unmapped or BlockState.UnmappedInDrafts => new Run(RunKind.Zero, rest),
            BlockState.FullyPresent => new Run(RunKind.Data, rest, (long)(entry & OffsetMask) + inBlock),
            var other => throw ImageFile.Damage($"a block of the state {(int)other}"),
        };
    }

    private static void CheckHeaders(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var (firstNumber, secondNumber) = (SequenceNumber(first), SequenceNumber(second));
        if (firstNumber is null && secondNumber is null)
        {
            throw new RawViewException("Both headers of the image are damaged.");
        }

        var header = secondNumber is null || firstNumber > secondNumber ? first : second;
        if (header.Slice(48, 16).ContainsAnyExcept((byte)0))
        {
            throw new RawViewException("The image was not closed in good order: its log holds changes. Repair a copy with 'qemu-img check -r all' and upload that.");
        }
    }

    /// <summary>The number of a header, null when it is not one.</summary>
    private static ulong? SequenceNumber(ReadOnlySpan<byte> header)
    {
        if (header.Length < HeaderLength || !header.StartsWith("head"u8))
        {
            return null;
        }

        // CRC-32C with its own four bytes taken as zeros.
        var crc = uint.MaxValue;
        for (var i = 0; i < HeaderLength; i++)
        {
            crc = BitOperations.Crc32C(crc, i is >= 4 and < 8 ? (byte)0 : header[i]);
        }

        return ~crc == BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) ? BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) : null;
    }

    private static Dictionary<Guid, (long Offset, long Length)> Regions(ReadOnlySpan<byte> table)
    {
        var count = table.Length < TableLength ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(table[8..]);
        if (count > MaxEntries || !table.StartsWith("regi"u8))
        {
            throw new RawViewException("The table of regions of the image is damaged.");
        }

        var regions = new Dictionary<Guid, (long Offset, long Length)>();
        for (var i = 0; i < count; i++)
        {
            var entry = table.Slice(RegionHeaderLength + (i * EntryLength), EntryLength);
            var id = new Guid(entry[..16]);
            var offset = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
            var required = (BinaryPrimitives.ReadUInt32LittleEndian(entry[28..]) & IsRequired) != 0;
            if (offset > long.MaxValue || !regions.TryAdd(id, ((long)offset, BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]))))
            {
                throw new RawViewException("The table of regions of the image is damaged.");
            }

            if (required && id != blockTableRegion && id != metadataRegion)
            {
                throw new RawViewException("The image has a region that a reader must know and that is not known here.");
            }
        }

        return regions;
    }

    private static (long Offset, long Length) Region(Dictionary<Guid, (long Offset, long Length)> regions, Guid id, ImageFile file) =>
        regions.TryGetValue(id, out var region) && region.Offset % MinBlockLength == 0 && region.Length <= file.Length && region.Offset <= file.Length - region.Length
            ? region
            : throw new RawViewException("The table of regions of the image names an impossible place, or one that is missing.");

    private static async Task<ReadOnlyMemory<byte>> ItemAsync(
        ImageFile file, (long Offset, long Length) metadata, byte[] table, Guid id, int length, CancellationToken cancellationToken)
    {
        var count = BinaryPrimitives.ReadUInt16LittleEndian(table.AsSpan(10));
        for (var i = 1; i <= count; i++)
        {
            var entry = table.AsMemory(i * EntryLength, EntryLength);
            if (new Guid(entry.Span[..16]) != id)
            {
                continue;
            }

            var inRegion = BinaryPrimitives.ReadUInt32LittleEndian(entry.Span[16..]);
            if (inRegion <= metadata.Length - length)
            {
                var item = await file.ReadHeaderAsync(metadata.Offset + inRegion, length, cancellationToken);
                if (item.Length == length)
                {
                    return item;
                }
            }
        }

        throw new RawViewException("The metadata of the image are damaged: they do not tell its sizes.");
    }
}
