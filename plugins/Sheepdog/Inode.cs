using System.Buffers.Binary;
using System.Text;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>The head of a vdi's inode object, and where its other parts lie. Little-endian, as in Sheepdog's sheepdog_proto.h.</summary>
internal sealed class Inode
{
    /// <summary>Bytes before the map: all that describes the vdi.</summary>
    public const int HeadLength = 572;

    public const int TagOffset = 256;
    public const int TagLength = 256;
    public const int SizeOffset = 536;

    /// <summary>Where the map of 32-bit entries begins: entry i names the vdi that owns data object i, 0 for none.</summary>
    public const int MapOffset = 4664;

    /// <summary>Entries of the map, and so objects of a vdi.</summary>
    public const int MapEntries = 1 << 20;

    private const int NameLength = 256;

    private Inode(uint vdiId, ReadOnlySpan<byte> head)
    {
        VdiId = vdiId;
        Name = Text(head[..NameLength]);
        Tag = Text(head.Slice(TagOffset, TagLength));
        CreateTime = BinaryPrimitives.ReadUInt64LittleEndian(head[512..]);
        IsSnapshot = BinaryPrimitives.ReadUInt64LittleEndian(head[520..]) != 0;
        Size = BinaryPrimitives.ReadInt64LittleEndian(head[SizeOffset..]);
        Redundancy = new Redundancy(head[554], head[552]);
        IsHyperVolume = head[553] != 0;
        BlockSizeShift = head[555];
        ParentVdiId = BinaryPrimitives.ReadUInt32LittleEndian(head[564..]);
    }

    public uint VdiId { get; }

    /// <summary>Empty when the vdi was deleted.</summary>
    public string Name { get; }

    public string Tag { get; }

    /// <summary>Seconds since 1970 in the upper half, nanoseconds in the lower.</summary>
    public ulong CreateTime { get; }

    public bool IsSnapshot { get; }

    public long Size { get; }

    public Redundancy Redundancy { get; }

    /// <summary>Whether its map is a tree, which this driver does not read.</summary>
    public bool IsHyperVolume { get; }

    public byte BlockSizeShift { get; }

    public uint ParentVdiId { get; }

    /// <summary>Bytes of a data object.</summary>
    public long ObjectSize => 1L << BlockSizeShift;

    /// <summary>The most bytes that a vdi with objects of this size can hold.</summary>
    public long LargestSize => MapEntries * ObjectSize;

    /// <summary>Objects that the size takes.</summary>
    public int ObjectCount => (int)Math.Min(MapEntries, (Size / ObjectSize) + (Size % ObjectSize == 0 ? 0 : 1));

    /// <summary>The id of a vdi's inode object.</summary>
    public static ulong ObjectIdOf(uint vdiId) => (1UL << 63) | ((ulong)vdiId << 32);

    /// <summary>The id of a data object.</summary>
    public static ulong ObjectIdOf(uint owner, int index) => ((ulong)owner << 32) | (uint)index;

    /// <summary>Reads a head.</summary>
    /// <exception cref="InvalidDataException">It cannot be one.</exception>
    public static Inode Parse(uint vdiId, ReadOnlySpan<byte> head)
    {
        var inode = new Inode(vdiId, head);
        return inode.Name.Length == 0 || inode is { Size: >= 0, BlockSizeShift: >= 12 and <= 31 }
            ? inode
            : throw new InvalidDataException($"The inode of vdi {vdiId:x} makes no sense: size {inode.Size}, block size shift {inode.BlockSizeShift}.");
    }

    /// <summary>A name as the operations on vdis want it, with an empty tag or without.</summary>
    public static byte[] PadName(string name, bool withTag)
    {
        var padded = new byte[withTag ? NameLength + TagLength : NameLength];
        if (name.Length is 0 or >= NameLength)
            throw new ArgumentException("The name of a vdi has 1 to 255 characters.", nameof(name));
        Encoding.UTF8.GetBytes(name, padded.AsSpan(0, NameLength - 1));
        return padded;
    }

    /// <summary>A tag as the inode holds it.</summary>
    public static byte[] PadTag(string tag)
    {
        var padded = new byte[TagLength];
        Encoding.UTF8.GetBytes(tag, padded.AsSpan(0, TagLength - 1));
        return padded;
    }

    private static string Text(ReadOnlySpan<byte> padded)
    {
        var end = padded.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? padded : padded[..end]);
    }
}
