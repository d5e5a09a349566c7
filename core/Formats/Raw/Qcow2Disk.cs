using System.Buffers.Binary;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Formats.Raw;

/// <summary>
/// The disk of a qcow2, versions 2 and 3. Specification: QEMU, <c>docs/interop/qcow2.txt</c>. All numbers are big-endian.
/// </summary>
/// <remarks>
/// <para>
/// Offset of the disk → entry of the L1 table → L2 table, one cluster long → entry → cluster of the file. An absent table or cluster reads as
/// zeros, because there is no backing file. With subclusters an L2 entry has a second word: of each 32nd of the cluster, whether it is stored
/// (low half) or reads as zeros (high half).
/// </para>
/// <para>Snapshots inside the image are not shown; reference counts are not needed to read.</para>
/// </remarks>
internal sealed class Qcow2Disk : RawDisk
{
    private const int Version2HeaderLength = 72;
    private const int Version3HeaderLength = 104;
    private const int MinClusterBits = 9;
    private const int MaxClusterBits = 21;
    private const int MinSubclusteredBits = 14;
    private const int SubclusterBits = 5;

    /// <summary>The limit of QEMU.</summary>
    private const long MaxL1Length = 32 << 20;

    private const ulong Dirty = 1 << 0;
    private const ulong Corrupt = 1 << 1;
    private const ulong ExternalDataFile = 1 << 2;
    private const ulong HasCompressionType = 1 << 3;
    private const ulong ExtendedL2 = 1 << 4;

    /// <summary>Bits 9 to 55 of an entry: where the table or cluster lies.</summary>
    private const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;

    private const ulong IsCompressed = 1UL << 62;
    private const ulong IsZero = 1;

    private readonly int _clusterBits;
    private readonly int _entryBits;
    private readonly int _indexBits;
    private readonly bool _subclusters;
    private readonly bool _zeroFlag;
    private readonly long _l1Offset;
    private readonly Packing _packing;

    private Qcow2Disk(ImageFile file, long length, int clusterBits, bool subclusters, bool zeroFlag, long l1Offset, Packing packing)
        : base(file, length)
    {
        _clusterBits = clusterBits;
        _subclusters = subclusters;
        _zeroFlag = zeroFlag;
        _l1Offset = l1Offset;
        _packing = packing;
        _entryBits = subclusters ? 4 : 3;
        _indexBits = clusterBits - _entryBits;
    }

    public override int ClusterLength => 1 << _clusterBits;

    /// <exception cref="RawViewException">The image cannot be shown.</exception>
    public static async Task<Qcow2Disk> OpenAsync(ImageFile file, CancellationToken cancellationToken)
    {
        var header = await file.ReadHeaderAsync(0, 512, cancellationToken);
        return Parse(file, header.Span);
    }

    public override async ValueTask<Run> FindAsync(long offset, CancellationToken cancellationToken)
    {
        var tableBits = _clusterBits + _indexBits;
        var l2Offset = (long)(await File.ReadUInt64Async(_l1Offset + (offset >> tableBits << 3), bigEndian: true, cancellationToken) & OffsetMask);
        if (l2Offset == 0)
        {
            return new Run(RunKind.Zero, (1L << tableBits) - (offset & ((1L << tableBits) - 1)));
        }

        var inCluster = (int)(offset & (ClusterLength - 1));
        var rest = ClusterLength - inCluster;
        if ((l2Offset & (ClusterLength - 1)) != 0)
        {
            throw ImageFile.Damage($"an L2 table at byte {l2Offset}, inside a cluster");
        }

        var entryOffset = l2Offset + ((offset >> _clusterBits & ((1L << _indexBits) - 1)) << _entryBits);
        var entry = await File.ReadUInt64Async(entryOffset, bigEndian: true, cancellationToken);
        if ((entry & IsCompressed) != 0)
        {
            return Packed(entry, inCluster);
        }

        var at = (long)(entry & OffsetMask);
        if ((at & (ClusterLength - 1)) != 0)
        {
            throw ImageFile.Damage($"data at byte {at}, inside a cluster");
        }

        if (_subclusters)
        {
            return Subclusters(at, await File.ReadUInt64Async(entryOffset + 8, bigEndian: true, cancellationToken), inCluster);
        }

        if ((entry & IsZero) != 0)
        {
            return _zeroFlag ? new Run(RunKind.Zero, rest) : throw ImageFile.Damage("a cluster of zeros, which version 2 of the format does not have");
        }

        return at == 0 ? new Run(RunKind.Zero, rest) : new Run(RunKind.Data, rest, at + inCluster);
    }

    public override async Task<ReadOnlyMemory<byte>> UnpackAsync(long at, int packedLength)
    {
        var packed = new byte[packedLength];
        await File.ReadDataAsync(at, packed, CancellationToken.None);
        var cluster = new byte[ClusterLength];
        return cluster.AsMemory(0, Unpacking.Unpack(_packing, packed, 0, packedLength, cluster));
    }

    private static Qcow2Disk Parse(ImageFile file, ReadOnlySpan<byte> header)
    {
        if (header.Length < Version2HeaderLength)
        {
            throw new RawViewException("The header of the image is cut short.");
        }

        var version = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        var clusterBits = BinaryPrimitives.ReadUInt32BigEndian(header[20..]);
        var size = BinaryPrimitives.ReadUInt64BigEndian(header[24..]);
        var l1Entries = BinaryPrimitives.ReadUInt32BigEndian(header[36..]);
        var l1Offset = BinaryPrimitives.ReadUInt64BigEndian(header[40..]);
        if (clusterBits is < MinClusterBits or > MaxClusterBits || size > long.MaxValue >> 8)
        {
            throw new RawViewException($"The header of the image is damaged: clusters of 2^{clusterBits} bytes, a disk of {size} bytes.");
        }

        if (BinaryPrimitives.ReadUInt64BigEndian(header[8..]) != 0)
        {
            throw new RawViewException("The image has a backing file, from which it takes part of its data. Flatten it with 'qemu-img convert'.");
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(header[32..]) != 0)
        {
            throw new RawViewException("The image is encrypted.");
        }

        var (features, packing) = version == 2 ? (0, Packing.Deflate) : Features(header);
        var subclusters = (features & ExtendedL2) != 0;
        if (subclusters && clusterBits < MinSubclusteredBits)
        {
            throw new RawViewException("The header of the image is damaged: its clusters are too small to be divided.");
        }

        var diskBitsPerL1Entry = (int)clusterBits + (int)clusterBits - (subclusters ? 4 : 3);
        var needed = (size + (1UL << diskBitsPerL1Entry) - 1) >> diskBitsPerL1Entry;
        if (l1Entries < needed || l1Entries * 8L > MaxL1Length || l1Offset % (1UL << (int)clusterBits) != 0 || l1Offset > (ulong)file.Length)
        {
            throw new RawViewException("The header of the image is damaged: its first table does not span the disk or lies at an impossible place.");
        }

        // Whole sectors, as QEMU sees the disk.
        return new Qcow2Disk(file, (long)size & ~511L, (int)clusterBits, subclusters, version >= 3, (long)l1Offset, packing);
    }

    private static (ulong Features, Packing Packing) Features(ReadOnlySpan<byte> header)
    {
        if (header.Length < Version3HeaderLength)
        {
            throw new RawViewException("The header of the image is cut short.");
        }

        var features = BinaryPrimitives.ReadUInt64BigEndian(header[72..]);
        var headerLength = BinaryPrimitives.ReadUInt32BigEndian(header[100..]);
        if ((features & ExternalDataFile) != 0)
        {
            throw new RawViewException("The image keeps its data in another file. Flatten it with 'qemu-img convert'.");
        }

        if ((features & (Dirty | Corrupt)) != 0)
        {
            throw new RawViewException("The image was not closed in good order or is marked as damaged. Repair a copy with 'qemu-img check -r all' and upload that.");
        }

        if ((features & ~(HasCompressionType | ExtendedL2)) != 0)
        {
            throw new RawViewException($"The image uses features that are not known here (incompatible feature bits 0x{features:x}).");
        }

        var type = headerLength > Version3HeaderLength && header.Length > Version3HeaderLength ? header[Version3HeaderLength] : (byte)0;
        return (features, type switch
        {
            0 => Packing.Deflate,
            1 => Packing.Zstandard,
            _ => throw new RawViewException($"The image uses a compression that is not known here (type {type})."),
        });
    }

    private Run Packed(ulong entry, int inCluster)
    {
        // The larger the clusters, the more of the entry tells the length, in sectors.
        var offsetBits = 62 - (_clusterBits - 8);
        var at = (long)(entry & ((1UL << offsetBits) - 1));
        var sectors = (int)(entry >> offsetBits & ((1UL << (_clusterBits - 8)) - 1)) + 1;
        return new Run(RunKind.Packed, ClusterLength - inCluster, at, (sectors * 512) - (int)(at & 511), inCluster);
    }

    private Run Subclusters(long at, ulong bitmap, int inCluster)
    {
        var bits = _clusterBits - SubclusterBits;
        var first = inCluster >> bits;
        var kind = Kind(first);
        var end = first + 1;
        while (end < 1 << SubclusterBits && Kind(end) == kind)
        {
            end++;
        }

        return new Run(kind, (end << bits) - inCluster, kind == RunKind.Data ? at + inCluster : 0);

        RunKind Kind(int index) => ((bitmap >> index & 1) != 0, (bitmap >> (index + 32) & 1) != 0) switch
        {
            (true, true) => throw ImageFile.Damage("a part of a cluster that is both data and zeros"),
            (true, false) when at == 0 => throw ImageFile.Damage("data without a place"),
            (true, false) => RunKind.Data,
            _ => RunKind.Zero,
        };
    }
}
