using System.Buffers.Binary;
using System.Text;

namespace GlanceGateway.Stores.Tests.Sheepdog;

/// <summary>
/// What a Sheepdog cluster keeps, and what its operations do to it, as Sheepdog 1.0 does: vdis found by hashing their names, inodes as objects
/// that clients write to, references to data objects counted in generations. Not Sheepdog: one node, in memory, and strict where the real one
/// is not. Everything that a correct client would not do is noted in <see cref="Violations"/>.
/// </summary>
internal sealed class StandInCluster
{
    public const int ObjectShift = 22;
    public const uint ResultOk = 0;
    public const uint NoObject = 2;
    public const uint VdiExists = 4;
    public const uint InvalidParameters = 5;
    public const uint NoVdi = 8;
    public const uint NoTag = 0x0e;
    public const uint NoSpace = 0x15;
    public const uint ReadOnly = 0x1a;

    private const int VdiCount = 1 << 24;
    private const int MapOffset = 4664;
    private const int MapLength = 4 << 20;
    private const int ReferenceOffset = MapOffset + MapLength;
    private const int InodeLength = ReferenceOffset + (8 << 20);
    private const ulong InodeBit = 1UL << 63;

    private readonly Dictionary<ulong, SparseBytes> objects = [];
    private readonly Dictionary<ulong, Dictionary<int, int>> ledgers = [];
    private readonly HashSet<uint> used = [];
    private readonly HashSet<uint> deleted = [];
    private readonly HashSet<uint> frozen = [];

    /// <summary>What a correct client would not have done.</summary>
    public List<string> Violations { get; } = [];

    /// <summary>Data objects that may exist; further ones are refused for want of room.</summary>
    public int Room { get; set; } = int.MaxValue;

    /// <summary>Data objects that exist.</summary>
    public int DataObjects => objects.Keys.Count(id => (id & InodeBit) == 0);

    /// <summary>The names of the vdis that exist.</summary>
    public IReadOnlyList<string> Names => [.. used.Select(vdi => NameOf(vdi)).Where(name => name.Length > 0)];

    /// <summary>Data objects that no map names: nobody would ever remove them.</summary>
    public int Orphans
    {
        get
        {
            var named = new HashSet<ulong>();
            foreach (var vdi in used)
            {
                for (var i = 0; i < ObjectsIn(vdi); i++)
                {
                    if (Entry(vdi, i) is > 0 and var owner)
                        named.Add(((ulong)owner << 32) | (uint)i);
                }
            }

            return objects.Keys.Count(id => (id & InodeBit) == 0 && !named.Contains(id));
        }
    }

    public uint Create(string name, ulong size, uint origin, out uint vdi)
    {
        vdi = 0;
        Require(name.Length > 0, "NEW_VDI without a name");
        Require(size <= (ulong)ObjectLength << 20, "NEW_VDI beyond the largest size");
        if (Find(name, "", out _, out var free) == ResultOk)
            return VdiExists;
        vdi = free;
        var inode = new SparseBytes();
        WriteText(inode, 0, name);
        Write64(inode, 512, (ulong)DateTimeOffset.UtcNow.ToUnixTimeSeconds() << 32);
        Write64(inode, 536, size);
        inode.Write(552, [0, 0, 1, ObjectShift]);
        Write32(inode, 556, 1);
        Write32(inode, 560, vdi);
        Write32(inode, 564, origin);
        used.Add(vdi);
        objects[InodeBit | ((ulong)vdi << 32)] = inode;
        if (origin == 0)
            return ResultOk;

        Require(used.Contains(origin) && NameOf(origin).Length > 0, "a clone of a vdi that is not there");
        frozen.Add(origin);
        for (var i = 0; i < ObjectsIn(origin); i++)
        {
            if (Entry(origin, i) is not (> 0 and var owner))
                continue;
            var (generation, count) = Reference(origin, i);
            SetReference(origin, i, generation, count + 1);
            Write32(inode, MapOffset + (4 * i), owner);
            SetReference(vdi, i, generation + 1, 0);
        }

        return ResultOk;
    }

    /// <summary>Makes a vdi whose map is a tree.</summary>
    public void CreateHyperVolume(string name)
    {
        Create(name, 5UL << 40 >> 3, 0, out var vdi);
        InodeOf(vdi)!.Write(553, [1]);
    }

    public uint Find(string name, string tag, out uint vdi) => Find(name, tag, out vdi, out _);

    public uint Delete(string name)
    {
        var found = Find(name, "", out var vdi, out _);
        if (found != ResultOk)
            return found;
        deleted.Add(vdi);
        for (var i = 0; i < ObjectsIn(vdi); i++)
        {
            if (Entry(vdi, i) != 0)
            {
                Violations.Add("DEL_VDI of a vdi whose map still names objects: they stay for ever, and so does the name");
                return ResultOk;
            }
        }

        objects[InodeBit | ((ulong)vdi << 32)] = new SparseBytes();
        return ResultOk;
    }

    public byte[] Bitmap(bool ofDeleted)
    {
        var bits = new byte[VdiCount / 8];
        foreach (var vdi in ofDeleted ? deleted : used)
            bits[vdi / 8] |= (byte)(1 << (int)(vdi % 8));
        return bits;
    }

    public uint Read(ulong id, int offset, Span<byte> destination)
    {
        Check(id, offset, destination.Length);
        if (!objects.TryGetValue(id, out var found))
            return NoObject;
        found.Read(offset, destination);
        return ResultOk;
    }

    public uint Write(ulong id, int offset, ReadOnlySpan<byte> data, bool create)
    {
        Check(id, offset, data.Length);
        var vdi = (uint)(id >> 32) & (VdiCount - 1);
        if ((id & InodeBit) != 0)
            return create ? Refuse("an inode made by hand") : WriteInode(id, vdi, offset, data);

        Require(used.Contains(vdi) && NameOf(vdi).Length > 0, "a data object of a vdi that is not there");
        if (frozen.Contains(vdi))
            return ReadOnly;
        if (create)
        {
            Require(Entry(vdi, (int)id) != vdi, "an object made again that the map names already");
            if (!objects.ContainsKey(id) && DataObjects >= Room)
                return NoSpace;
            objects[id] = new SparseBytes();
        }
        else if (!objects.ContainsKey(id))
        {
            return NoObject;
        }

        objects[id].Write(offset, data);
        return ResultOk;
    }

    public uint Remove(ulong id)
    {
        Check(id, 0, 0);
        Require((id & InodeBit) == 0, "an inode removed by hand");
        Require(Entry((uint)(id >> 32) & (VdiCount - 1), (int)id) == 0, "an object removed that the map names");
        return objects.Remove(id) ? ResultOk : NoObject;
    }

    private static int ObjectLength => 1 << ObjectShift;

    private uint WriteInode(ulong id, uint vdi, int offset, ReadOnlySpan<byte> data)
    {
        if (!objects.TryGetValue(id, out var inode))
            return NoObject;
        Require(NameOf(vdi).Length > 0, "a write to the inode of a deleted vdi");
        var end = offset + data.Length;
        if (offset < MapOffset || offset >= ReferenceOffset)
        {
            Require((offset, data.Length) is (256, 256) or (536, 8), $"a write of {data.Length} bytes at {offset} of an inode");
            inode.Write(offset, data);
            return ResultOk;
        }

        Require(end <= ReferenceOffset && offset % 4 == 0 && data.Length % 4 == 0, "a write across the map's borders");
        for (var at = 0; at < data.Length; at += 4)
        {
            var index = (offset - MapOffset + at) / 4;
            var (before, after) = (Entry(vdi, index), BinaryPrimitives.ReadUInt32LittleEndian(data[at..]));
            Require(after == 0 || objects.ContainsKey(((ulong)after << 32) | (uint)index), "the map names an object before it is there");
            Require(after == 0 || index < ObjectsIn(vdi), "the map names an object behind the vdi's size");
            Require(after == 0 || !frozen.Contains(vdi), "a change of the map after the clone: its references are forgotten");
            var (generation, count) = Reference(vdi, index);
            SetReference(vdi, index, 0, 0);
            Write32(inode, MapOffset + (4 * index), after);
            if (before != 0 && before != after)
                CountDown(((ulong)before << 32) | (uint)index, generation, count);
        }

        return ResultOk;
    }

    // A reference of a generation goes, those that were derived from it become references of the next one; nothing left means nobody refers.
    private void CountDown(ulong id, int generation, int count)
    {
        if (!ledgers.TryGetValue(id, out var ledger))
            ledgers[id] = ledger = new Dictionary<int, int> { [0] = 1 };
        ledger[generation] = ledger.GetValueOrDefault(generation) - 1;
        ledger[generation + 1] = ledger.GetValueOrDefault(generation + 1) + count;
        if (ledger.Values.Any(references => references != 0))
            return;
        ledgers.Remove(id);
        objects.Remove(id);
    }

    // Snapshots are never made here, so a tag is never found.
    private uint Find(string name, string tag, out uint vdi, out uint free)
    {
        vdi = 0;
        var hash = 0xcbf29ce484222325UL;
        foreach (var letter in Encoding.UTF8.GetBytes(name))
            hash = (hash ^ letter) * 0x100000001b3UL;
        var first = Math.Max(1, (uint)hash & (VdiCount - 1));
        for (free = first; used.Contains(free);)
            free++;
        for (var candidate = free - 1; candidate >= first; candidate--)
        {
            if (NameOf(candidate) != name)
                continue;
            vdi = candidate;
            return tag.Length == 0 ? ResultOk : NoTag;
        }

        return NoVdi;
    }

    private void Check(ulong id, int offset, int length)
    {
        var isInode = (id & InodeBit) != 0;
        Require((id >> 56) is 0 or 0x80 && (!isInode || (uint)id == 0), $"the object id {id:x16}");
        Require(isInode || (uint)id < 1 << 20, $"the object id {id:x16}");
        Require(offset >= 0 && length >= 0 && offset + (long)length <= (isInode ? InodeLength : ObjectLength), $"{length} bytes at {offset} across the end of an object");
    }

    private void Require(bool condition, string violation)
    {
        if (!condition)
            Violations.Add(violation);
    }

    private uint Refuse(string violation)
    {
        Violations.Add(violation);
        return InvalidParameters;
    }

    private SparseBytes? InodeOf(uint vdi) => objects.GetValueOrDefault(InodeBit | ((ulong)vdi << 32));

    private string NameOf(uint vdi)
    {
        Span<byte> name = stackalloc byte[256];
        InodeOf(vdi)?.Read(0, name);
        return Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]);
    }

    private int ObjectsIn(uint vdi)
    {
        Span<byte> size = stackalloc byte[8];
        InodeOf(vdi)?.Read(536, size);
        return (int)((BinaryPrimitives.ReadUInt64LittleEndian(size) + (ulong)ObjectLength - 1) >> ObjectShift);
    }

    private uint Entry(uint vdi, int index) => (uint)Number(vdi, MapOffset + (4 * index));

    private (int Generation, int Count) Reference(uint vdi, int index) =>
        (Number(vdi, ReferenceOffset + (8 * index)), Number(vdi, ReferenceOffset + (8 * index) + 4));

    private void SetReference(uint vdi, int index, int generation, int count)
    {
        Write32(InodeOf(vdi)!, ReferenceOffset + (8 * index), (uint)generation);
        Write32(InodeOf(vdi)!, ReferenceOffset + (8 * index) + 4, (uint)count);
    }

    private int Number(uint vdi, int offset)
    {
        Span<byte> bytes = stackalloc byte[4];
        InodeOf(vdi)?.Read(offset, bytes);
        return BinaryPrimitives.ReadInt32LittleEndian(bytes);
    }

    private static void WriteText(SparseBytes inode, int offset, string text) => inode.Write(offset, Encoding.UTF8.GetBytes(text));

    private static void Write32(SparseBytes inode, int offset, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        inode.Write(offset, bytes);
    }

    private static void Write64(SparseBytes inode, int offset, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        inode.Write(offset, bytes);
    }
}
