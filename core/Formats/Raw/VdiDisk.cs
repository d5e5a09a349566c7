using System.Buffers.Binary;

namespace GlanceGateway.Formats.Raw;

/// <summary>
/// The disk of a VDI, static and dynamic. Specification: VirtualBox, <c>src/VBox/Storage/VDICore.h</c>, version 1.1. All numbers are little-endian.
/// </summary>
/// <remarks>A table gives each block of 1 MiB its number among the blocks of the file; the two largest numbers mean that there is none.</remarks>
internal sealed class VdiDisk : RawDisk
{
    private const int HeaderLength = 0x1c8;
    private const uint Version = 0x00010001;
    private const uint DynamicKind = 1;
    private const uint StaticKind = 2;
    private const uint FirstAbsent = 0xfffffffe;
    private const uint SectorLength = 512;

    /// <summary>The one size that any program writes or reads.</summary>
    private const uint BlockLength = 1 << 20;

    private readonly uint _tableOffset;
    private readonly uint _dataOffset;

    private VdiDisk(ImageFile file, long length, uint tableOffset, uint dataOffset)
        : base(file, length)
    {
        _tableOffset = tableOffset;
        _dataOffset = dataOffset;
    }

    public override int ClusterLength => (int)BlockLength;

    /// <exception cref="RawViewException">The image cannot be shown.</exception>
    public static async Task<VdiDisk> OpenAsync(ImageFile file, CancellationToken cancellationToken)
    {
        var header = await file.ReadHeaderAsync(0, HeaderLength, cancellationToken);
        return Parse(file, header.Span);
    }

    public override async ValueTask<Run> FindAsync(long offset, CancellationToken cancellationToken)
    {
        var inBlock = offset % BlockLength;
        var block = await File.ReadUInt32Async(_tableOffset + (offset / BlockLength * sizeof(uint)), bigEndian: false, cancellationToken);
        var rest = BlockLength - inBlock;
        return block >= FirstAbsent
            ? new Run(RunKind.Zero, rest)
            : new Run(RunKind.Data, rest, _dataOffset + ((long)block * BlockLength) + inBlock);
    }

    private static VdiDisk Parse(ImageFile file, ReadOnlySpan<byte> header)
    {
        if (header.Length < HeaderLength)
        {
            throw new RawViewException("The header of the image is cut short.");
        }

        var kind = UInt32(header, 0x4c);
        if (UInt32(header, 0x44) != Version || kind is not (DynamicKind or StaticKind))
        {
            throw new RawViewException("The image is a VDI of a version or kind that is not read here.");
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(header[0x170..]);
        var (table, data, blocks) = (UInt32(header, 0x154), UInt32(header, 0x158), UInt32(header, 0x180));
        if (UInt32(header, 0x168) != SectorLength || UInt32(header, 0x178) != BlockLength || length > blocks * (ulong)BlockLength)
        {
            throw new RawViewException("The header of the image is damaged: its blocks do not span the disk.");
        }

        if (table % SectorLength != 0 || data % SectorLength != 0 || blocks * (long)sizeof(uint) > file.Length - table)
        {
            throw new RawViewException("The header of the image is damaged: its table lies at an impossible place.");
        }

        // Whole sectors, as QEMU sees the disk.
        return new VdiDisk(file, (long)(length + SectorLength - 1) & ~(SectorLength - 1L), table, data);
    }

    private static uint UInt32(ReadOnlySpan<byte> header, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(header[offset..]);
}
