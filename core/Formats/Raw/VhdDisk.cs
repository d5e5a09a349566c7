using System.Buffers.Binary;

namespace GlanceGateway.Formats.Raw;

/// <summary>
/// The disk of a VHD, fixed and dynamic. Specification: Microsoft, "Virtual Hard Disk Image Format Specification". All numbers are big-endian.
/// </summary>
/// <remarks>
/// A fixed disk is its own bytes and a footer behind them. A dynamic one has the footer in front too, a header with the place of a table, and in the
/// table the sector of each block: a bitmap, rounded up to sectors, and the data. As in QEMU the bitmap is not looked at: it tells which sectors of a
/// differencing disk are its own, and in a dynamic one the others are zeros anyway.
/// </remarks>
internal sealed class VhdDisk : RawDisk
{
    private const int SectorBits = 9;
    private const int SectorLength = 1 << SectorBits;
    private const int DynamicHeaderLength = 1024;
    private const uint Dynamic = 3;
    private const uint Absent = uint.MaxValue;

    /// <summary>The largest geometry, which stands for every disk that has none: cylinders, heads, sectors.</summary>
    private const long MaxGeometrySectors = 65535L * 16 * 255;

    /// <summary>Programs that mean the size in the footer and not the geometry, by the names they leave there, as QEMU knows them.</summary>
    private static readonly string[] sizeWriters = ["win ", "qem2", "d2v ", "tap\0", "CTXS", "wa\0\0"];

    private readonly long _tableOffset;
    private readonly uint _blockLength;
    private readonly int _bitmapLength;

    private VhdDisk(ImageFile file, long length, long tableOffset, uint blockLength)
        : base(file, length)
    {
        _tableOffset = tableOffset;
        _blockLength = blockLength;
        _bitmapLength = (int)((blockLength / SectorLength / 8) + SectorLength - 1) & ~(SectorLength - 1);
    }

    private VhdDisk(ImageFile file, long length)
        : base(file, length)
    {
    }

    /// <inheritdoc/>
    public override int ClusterLength => (int)Math.Clamp(_blockLength, SectorLength, 2 << 20);

    /// <exception cref="RawViewException">The image cannot be shown.</exception>
    public static async Task<VhdDisk> OpenAsync(ImageFile file, CancellationToken cancellationToken)
    {
        var front = await file.ReadHeaderAsync(0, SectorLength, cancellationToken);
        if (!front.Span.StartsWith("conectix"u8))
        {
            var footer = await file.ReadHeaderAsync(Math.Max(0, file.Length - SectorLength), SectorLength, cancellationToken);
            var length = DiskLength(footer.Span);
            return length <= file.Length - SectorLength
                ? new VhdDisk(file, length)
                : throw new RawViewException("The image is cut short: its file is smaller than its disk.");
        }

        if (front.Length < SectorLength || BinaryPrimitives.ReadUInt32BigEndian(front.Span[60..]) != Dynamic)
        {
            throw new RawViewException("The image is a VHD of a kind that is not read here.");
        }

        var headerOffset = BinaryPrimitives.ReadUInt64BigEndian(front.Span[16..]);
        if (headerOffset > (ulong)file.Length)
        {
            throw new RawViewException("The header of the image is damaged: it names a place outside of the file.");
        }

        var header = await file.ReadHeaderAsync((long)headerOffset, DynamicHeaderLength, cancellationToken);
        return Parse(file, DiskLength(front.Span), header.Span);
    }

    public override async ValueTask<Run> FindAsync(long offset, CancellationToken cancellationToken)
    {
        if (_blockLength == 0)
        {
            return new Run(RunKind.Data, Length - offset, offset);
        }

        var inBlock = offset % _blockLength;
        var sector = await File.ReadUInt32Async(_tableOffset + (offset / _blockLength * sizeof(uint)), bigEndian: true, cancellationToken);
        var rest = _blockLength - inBlock;
        return sector == Absent ? new Run(RunKind.Zero, rest) : new Run(RunKind.Data, rest, ((long)sector << SectorBits) + _bitmapLength + inBlock);
    }

    private static VhdDisk Parse(ImageFile file, long length, ReadOnlySpan<byte> header)
    {
        if (header.Length < DynamicHeaderLength || !header.StartsWith("cxsparse"u8))
        {
            throw new RawViewException("The header of the image is damaged or cut short.");
        }

        var tableOffset = BinaryPrimitives.ReadUInt64BigEndian(header[16..]);
        var entries = BinaryPrimitives.ReadUInt32BigEndian(header[28..]);
        var blockLength = BinaryPrimitives.ReadUInt32BigEndian(header[32..]);
        if (!uint.IsPow2(blockLength) || blockLength < SectorLength || (ulong)entries * blockLength < (ulong)length)
        {
            throw new RawViewException("The header of the image is damaged: its blocks do not span the disk.");
        }

        if (tableOffset % SectorLength != 0 || tableOffset > (ulong)file.Length || entries * (long)sizeof(uint) > file.Length - (long)tableOffset)
        {
            throw new RawViewException("The header of the image is damaged: its table lies outside of the file.");
        }

        return new VhdDisk(file, length, (long)tableOffset, blockLength);
    }

    /// <summary>
    /// Virtual PC goes by the geometry, which is a little smaller than the size beside it; others go by the size. QEMU decides by the name of the
    /// program, and so must whoever is to show the same disk.
    /// </summary>
    private static long DiskLength(ReadOnlySpan<byte> footer)
    {
        var size = BinaryPrimitives.ReadUInt64BigEndian(footer[48..]);
        var geometry = (long)BinaryPrimitives.ReadUInt16BigEndian(footer[56..]) * footer[58] * footer[59];
        var creator = footer.Slice(28, 4);
        var bySize = geometry == MaxGeometrySectors;
        foreach (var writer in sizeWriters)
        {
            bySize |= creator.SequenceEqual(System.Text.Encoding.ASCII.GetBytes(writer));
        }

        if (size > long.MaxValue)
        {
            throw new RawViewException("The header of the image is damaged: its disk has an impossible size.");
        }

        return bySize ? (long)size & ~(SectorLength - 1L) : geometry << SectorBits;
    }
}
