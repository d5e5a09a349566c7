using System.Buffers.Binary;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Formats.Raw;

/// <summary>
/// The disk of a VMDK that is one file: monolithicSparse and streamOptimized. Specification: VMware, "Virtual Disk Format 5.0", hosted sparse extents
/// and stream-optimized compressed sparse extents. All numbers are little-endian; places count sectors of 512 bytes.
/// </summary>
/// <remarks>
/// Offset of the disk → entry of the grain directory → grain table → entry → grain. A grain of a stream-optimized disk follows a marker of
/// 12 bytes (its first sector, the length of its zlib stream). Whoever wrote the stream without seeking back put the real header near the end.
/// The text that describes the disk was checked before; a reader needs nothing of it.
/// </remarks>
internal sealed class VmdkDisk : RawDisk
{
    private const int SectorBits = 9;
    private const int SectorLength = 1 << SectorBits;
    private const int MarkerLength = 12;
    private const ulong DirectoryAtEnd = ulong.MaxValue;
    private const uint FooterMarker = 3;
    private const uint HasZeroGrains = 1 << 2;
    private const uint HasMarkers = 1 << 17;
    private const ushort Deflate = 1;

    /// <summary>The limit of QEMU.</summary>
    private const uint MaxTableEntries = 512;

    /// <summary>1 GiB, the limit of QEMU.</summary>
    private const ulong MaxGrainSectors = 0x200000;

    /// <summary>Compressed grains are unpacked in memory; 64 KiB is what all writers use.</summary>
    private const ulong MaxPackedGrainSectors = 4096;

    private readonly long _directoryOffset;
    private readonly int _grainBits;
    private readonly uint _tableEntries;
    private readonly bool _zeroGrains;
    private readonly bool _packed;
    private readonly bool _markers;

    private VmdkDisk(ImageFile file, ReadOnlySpan<byte> header, int grainBits)
        : base(file, (long)Capacity(header) << SectorBits)
    {
        _directoryOffset = (long)DirectorySector(header) << SectorBits;
        _grainBits = grainBits;
        _tableEntries = TableEntries(header);
        _zeroGrains = (Flags(header) & HasZeroGrains) != 0;
        _packed = Compression(header) == Deflate;
        _markers = (Flags(header) & HasMarkers) != 0;
    }

    public override int ClusterLength => 1 << _grainBits;

    /// <exception cref="RawViewException">The image cannot be shown.</exception>
    public static async Task<VmdkDisk> OpenAsync(ImageFile file, CancellationToken cancellationToken)
    {
        var header = await file.ReadHeaderAsync(0, SectorLength, cancellationToken);
        if (header.Length == SectorLength && DirectorySector(header.Span) == DirectoryAtEnd)
        {
            var end = await file.ReadHeaderAsync(Math.Max(0, file.Length - (3 * SectorLength)), 3 * SectorLength, cancellationToken);
            if (end.Length < 3 * SectorLength || BinaryPrimitives.ReadUInt32LittleEndian(end.Span[12..]) != FooterMarker)
            {
                throw new RawViewException("The image is cut short: the second header at its end is missing.");
            }

            header = end.Slice(SectorLength, SectorLength);
        }

        return Parse(file, header.Span);
    }

    public override async ValueTask<Run> FindAsync(long offset, CancellationToken cancellationToken)
    {
        var grain = offset >> _grainBits;
        var inGrain = (int)(offset & (ClusterLength - 1));
        var table = await File.ReadUInt32Async(_directoryOffset + (grain / _tableEntries * sizeof(uint)), bigEndian: false, cancellationToken);
        if (table == 0)
        {
            return new Run(RunKind.Zero, ((_tableEntries - (grain % _tableEntries)) << _grainBits) - inGrain);
        }

        var entryOffset = ((long)table << SectorBits) + (grain % _tableEntries * sizeof(uint));
        var sector = await File.ReadUInt32Async(entryOffset, bigEndian: false, cancellationToken);
        var rest = ClusterLength - inGrain;
        if (sector == 0 || (sector == 1 && _zeroGrains))
        {
            return new Run(RunKind.Zero, rest);
        }

        var at = (long)sector << SectorBits;
        return _packed ? new Run(RunKind.Packed, rest, at, Skip: inGrain) : new Run(RunKind.Data, rest, at + inGrain);
    }

    /// <inheritdoc/>
    /// <remarks>Reads as much as a grain that does not shrink takes, and once more for the rare one that grew.</remarks>
    public override async Task<ReadOnlyMemory<byte>> UnpackAsync(long at, int packedLength)
    {
        var skip = _markers ? MarkerLength : 0;
        var packed = new byte[skip + ClusterLength];
        await File.ReadDataAsync(at, packed, CancellationToken.None);
        var length = ClusterLength;
        if (_markers)
        {
            var told = BinaryPrimitives.ReadUInt32LittleEndian(packed.AsSpan(8));
            if (told == 0 || told > 2L * ClusterLength)
            {
                throw ImageFile.Damage($"a compressed grain of {told} bytes");
            }

            length = (int)told;
            if (length > ClusterLength)
            {
                packed = new byte[skip + length];
                await File.ReadDataAsync(at, packed, CancellationToken.None);
            }
        }

        var grain = new byte[ClusterLength];
        return grain.AsMemory(0, Unpacking.Unpack(Packing.Zlib, packed, skip, length, grain));
    }

    private static uint Version(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);

    private static uint Flags(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);

    private static ulong Capacity(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt64LittleEndian(header[12..]);

    private static ulong GrainSectors(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt64LittleEndian(header[20..]);

    private static uint TableEntries(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt32LittleEndian(header[44..]);

    private static ulong DirectorySector(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt64LittleEndian(header[56..]);

    private static ushort Compression(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt16LittleEndian(header[77..]);

    private static VmdkDisk Parse(ImageFile file, ReadOnlySpan<byte> header)
    {
        if (header.Length < SectorLength || !header.StartsWith("KDMV"u8) || Version(header) > 3)
        {
            throw new RawViewException("The header of the image is damaged or of a version that is not known here.");
        }

        var grain = GrainSectors(header);
        var packed = Compression(header) == Deflate;
        if (!ulong.IsPow2(grain) || grain > (packed ? MaxPackedGrainSectors : MaxGrainSectors) || Compression(header) > Deflate)
        {
            throw new RawViewException("The header of the image is damaged: its grains have an impossible size or compression.");
        }

        var fileSectors = (ulong)file.Length >> SectorBits;
        if (TableEntries(header) is 0 or > MaxTableEntries || Capacity(header) > ulong.MaxValue >> (SectorBits + 2))
        {
            throw new RawViewException("The header of the image is damaged: its tables or its disk have an impossible size.");
        }

        // Four bytes for each table of grains.
        var perEntry = TableEntries(header) * grain;
        var directoryLength = (Capacity(header) + perEntry - 1) / perEntry * sizeof(uint);
        if (DirectorySector(header) > fileSectors || directoryLength > (ulong)file.Length - (DirectorySector(header) << SectorBits))
        {
            throw new RawViewException("The header of the image is damaged: its directory lies outside of the file.");
        }

        return new VmdkDisk(file, header, SectorBits + (int)ulong.Log2(grain));
    }
}
