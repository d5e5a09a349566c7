using System.Buffers.Binary;
using System.Text;

namespace GlanceGateway.Formats;

/// <summary>The smallest images that pass for a format, to be broken by tests.</summary>
internal static class CraftedImages
{
    public const string Descriptor =
        "# Disk DescriptorFile\nversion=1\nCID=65fda3d9\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n\n# Extent description\n"
        + "RW 20480 SPARSE \"disk.vmdk\"\n\n# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"4\"\nddb.geometry.cylinders = \"20\"\n";

    /// <summary>Each format once, with the places that its probe reads.</summary>
    public static IReadOnlyList<(string Name, byte[] Bytes, (int Offset, int Length)[] Places)> All { get; } =
    [
        ("qcow2", Qcow2(3), [(0, 104)]),
        ("qcow2 v2", Qcow2(2), [(0, 104)]),
        ("vhd dynamic", VhdDynamic(), [(0, 512), (VhdDynamic().Length - 512, 512)]),
        ("vhd fixed", VhdFixed(Gpt()), [(0, 512), (Gpt().Length, 512)]),
        ("vhdx", Vhdx(), [(0, 8), (192 * 1024, 80), (256 * 1024, 80), (1 << 20, 128), ((1 << 20) + (64 * 1024), 16)]),
        ("vmdk", Vmdk(Descriptor), [(0, 80), (512, Descriptor.Length + 8)]),
        ("vmdk with a footer", VmdkWithFooter(), [(0, 80), (512, Descriptor.Length + 8), (VmdkWithFooter().Length - 1536, 1536)]),
        ("vmdk text", Encoding.ASCII.GetBytes(Descriptor), [(0, Descriptor.Length)]),
        ("vdi", Vdi(), [(0x40, 0x190)]),
        ("qed", Qed(), [(0, 56)]),
        ("iso", Iso(), [(32768, 2060)]),
        ("iso with a partition table", IsoWithGpt(), [(446, 66), (32768, 2060)]),
        ("gpt", Gpt(), [(446, 66)]),
        ("luks", Luks(), [(0, 112)]),
        ("nothing", new byte[70_000], [(0, 70_000)]),
    ];

    public static byte[] Qcow2(uint version)
    {
        var image = new byte[512];
        "QFI"u8.CopyTo(image);
        image[3] = 0xfb;
        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(4), version);
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(24), 10 << 20);
        return image;
    }

    public static byte[] VhdFooter(uint kind, ulong size)
    {
        var footer = new byte[512];
        "conectix"u8.CopyTo(footer);
        BinaryPrimitives.WriteUInt64BigEndian(footer.AsSpan(40), 1 << 20);
        BinaryPrimitives.WriteUInt64BigEndian(footer.AsSpan(48), size);
        BinaryPrimitives.WriteUInt32BigEndian(footer.AsSpan(60), kind);
        return footer;
    }

    public static byte[] VhdDynamic() => [.. VhdFooter(3, 10 << 20), .. new byte[2048], .. VhdFooter(3, 10 << 20)];

    public static byte[] VhdFixed(byte[] disk) => [.. disk, .. VhdFooter(2, (ulong)disk.Length)];

    /// <summary>A VHDX with its metadata at 1 MiB, the size of the disk before the parameters.</summary>
    public static byte[] Vhdx()
    {
        var image = new byte[(1 << 20) + (64 * 1024) + 64];
        "vhdxfile"u8.CopyTo(image);
        foreach (var at in (int[])[192 * 1024, 256 * 1024])
        {
            "regi"u8.CopyTo(image.AsSpan(at));
            BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(at + 8), 2);
            VhdxRegion(image.AsSpan(at + 16), "2DC27766-F623-4200-9D64-115E9BFD4A08", 3 << 20, 1 << 20);
            VhdxRegion(image.AsSpan(at + 48), "8B7CA206-4790-4B9A-B8FE-575F050F886E", 1 << 20, 1 << 20);
        }

        var table = image.AsSpan(1 << 20);
        "metadata"u8.CopyTo(table);
        BinaryPrimitives.WriteUInt16LittleEndian(table[10..], 2);
        VhdxItem(table[32..], "CAA16737-FA36-4D43-B3B6-33F0AA44E76B", (64 * 1024) + 8);
        VhdxItem(table[64..], "2FA54224-CD1B-4876-B211-5DBED83BF4B8", 64 * 1024);
        BinaryPrimitives.WriteUInt64LittleEndian(table[(64 * 1024)..], 10 << 20);
        return image;
    }

    public static byte[] Vmdk(string descriptor, ulong capacity = 20480, ulong directory = 26)
    {
        var image = new byte[21 * 512];
        VmdkHeader(image, capacity, directory);
        Encoding.Latin1.GetBytes(descriptor).CopyTo(image, 512);
        return image;
    }

    public static byte[] VmdkWithFooter()
    {
        var end = new byte[1536];
        end[0] = 1;
        end[12] = 3;
        VmdkHeader(end.AsSpan(512), 20480, 22);
        return [.. Vmdk(Descriptor.Replace("monolithicSparse", "streamOptimized", StringComparison.Ordinal), directory: ulong.MaxValue), .. new byte[512], .. end];
    }

    public static byte[] Vdi()
    {
        var image = new byte[1024];
        "<<< Oracle VM VirtualBox Disk Image >>>\n"u8.CopyTo(image);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x40), 0xbeda107f);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x44), 0x10001);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(0x4c), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(0x170), 10 << 20);
        return image;
    }

    public static byte[] Qed()
    {
        var image = new byte[512];
        "QED\0"u8.CopyTo(image);
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(48), 10 << 20);
        return image;
    }

    public static byte[] Iso()
    {
        var image = new byte[40_960];
        image[32768] = 1;
        "CD001"u8.CopyTo(image.AsSpan(32769));
        return image;
    }

    public static byte[] IsoWithGpt()
    {
        var image = Iso();
        Gpt().AsSpan(0, 512).CopyTo(image);
        return image;
    }

    /// <summary>A disk whose first sector protects a GPT.</summary>
    public static byte[] Gpt()
    {
        var image = new byte[34 * 512];
        (image[510], image[511]) = (0x55, 0xaa);
        ((byte[])[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 33, 0, 0, 0]).CopyTo(image, 446);
        "EFI PART"u8.CopyTo(image.AsSpan(512));
        return image;
    }

    public static byte[] Luks()
    {
        var image = new byte[4096];
        ((byte[])[.. "LUKS"u8, 0xba, 0xbe, 0, 1]).CopyTo(image, 0);
        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(104), 4);
        return image;
    }

    private static void VmdkHeader(Span<byte> header, ulong capacity, ulong directory)
    {
        "KDMV"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], 3);
        BinaryPrimitives.WriteUInt64LittleEndian(header[12..], capacity);
        BinaryPrimitives.WriteUInt64LittleEndian(header[20..], 128);
        BinaryPrimitives.WriteUInt64LittleEndian(header[28..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[36..], 20);
        BinaryPrimitives.WriteUInt32LittleEndian(header[44..], 512);
        BinaryPrimitives.WriteUInt64LittleEndian(header[56..], directory);
    }

    private static void VhdxRegion(Span<byte> entry, string id, ulong offset, uint length)
    {
        new Guid(id).TryWriteBytes(entry);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], offset);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[24..], length);
        entry[28] = 1;
    }

    private static void VhdxItem(Span<byte> entry, string id, uint offset)
    {
        new Guid(id).TryWriteBytes(entry);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], offset);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[20..], 8);
    }
}
