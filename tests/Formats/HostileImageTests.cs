using System.Buffers.Binary;
using System.Text;

namespace GlanceGateway.Formats;

/// <summary>Images made to do harm, or broken: each gets the right finding, whatever it is called.</summary>
public sealed class HostileImageTests
{
    /// <summary>By name, which begins with the check that must fail. The tests are handed the names: images in the names of tests would be megabytes.</summary>
    private static readonly Dictionary<string, byte[]> images = Images().ToDictionary(image => image.Name, image => image.Bytes);

    /// <summary>The names of all images.</summary>
    public static TheoryData<string> Names { get; } = new(images.Keys);

    private static IEnumerable<(string Name, byte[] Bytes)> Images()
    {
        // Header fields: 8 backing file, 72 incompatible features.
        yield return Row("qcow2:backing_file", "a backing file", Patch(CraftedImages.Qcow2(3), 15, 1));
        yield return Row("qcow2:backing_file", "a backing file far away", Patch(CraftedImages.Qcow2(2), 8, 0xff));
        yield return Row("qcow2:data_file", "a data file", Patch(CraftedImages.Qcow2(3), 79, 4));
        yield return Row("qcow2:unknown_features", "extended L2 entries", Patch(CraftedImages.Qcow2(3), 79, 16));
        yield return Row("qcow2:unknown_features", "the highest feature bit", Patch(CraftedImages.Qcow2(3), 72, 0x80));
        yield return Row("qcow2:version", "version 1", CraftedImages.Qcow2(1));
        yield return Row("qcow2:version", "version 4", CraftedImages.Qcow2(4));
        yield return Row("qcow2:version", "version 2³¹", CraftedImages.Qcow2(0x80000000));
        yield return Row("qcow2:header", "an impossible size", Patch(CraftedImages.Qcow2(3), 24, 0xff));
        yield return Row("qcow2:header", "a header cut off after the magic", CraftedImages.Qcow2(3)[..4]);
        yield return Row("qcow2:header", "a header cut off before the features", CraftedImages.Qcow2(3)[..100]);

        yield return Row("qed:banned", "any", CraftedImages.Qed());
        yield return Row("qed:banned", "cut off", CraftedImages.Qed()[..5]);
        yield return Row("luks:version", "version 2", Patch(CraftedImages.Luks(), 7, 2));
        yield return Row("luks:header", "a payload behind the end", Patch(CraftedImages.Luks(), 104, 0xff));
        yield return Row("luks:header", "cut off", CraftedImages.Luks()[..100]);
        yield return Row("vdi:backing_file", "a differencing disk", Patch(CraftedImages.Vdi(), 0x4c, 4));
        yield return Row("vdi:backing_file", "the identity of a parent", Patch(CraftedImages.Vdi(), 0x1c7, 1));
        yield return Row("vdi:header", "cut off", CraftedImages.Vdi()[..0x50]);
        yield return Row("vdi:header", "an impossible size", Patch(CraftedImages.Vdi(), 0x177, 0xff));

        yield return Row("vhd:backing_file", "a differencing disk", [.. CraftedImages.VhdFooter(4, 1 << 20), .. new byte[512], .. CraftedImages.VhdFooter(4, 1 << 20)]);
        yield return Row("vhd:footer", "two sizes", [.. CraftedImages.VhdFooter(3, 1 << 20), .. new byte[512], .. CraftedImages.VhdFooter(3, 1 << 30)]);
        yield return Row("vhd:header", "cut off", CraftedImages.VhdDynamic()[..64]);
        yield return Row("vhd:header", "an impossible size", CraftedImages.VhdFooter(3, ulong.MaxValue));

        yield return Row("vhdx:header", "cut off after the identifier", CraftedImages.Vhdx()[..100]);
        yield return Row("vhdx:header", "cut off before the metadata", CraftedImages.Vhdx()[..(1 << 20)]);
        yield return Row("vhdx:header", "cut off before the items", CraftedImages.Vhdx()[..((1 << 20) + 4096)]);
        yield return Row("vhdx:header", "tables that differ", Patch(CraftedImages.Vhdx(), (256 * 1024) + 48 + 16, 1));
        yield return Row("vhdx:header", "no signature", PatchTables(0, 0));
        yield return Row("vhdx:header", "four billion regions", PatchTables(8, 0xff, 0xff, 0xff, 0xff));
        yield return Row("vhdx:header", "no metadata region", PatchTables(48, 0));
        yield return Row("vhdx:header", "metadata over the tables themselves", PatchTables(48 + 16, 0, 0, 0x03, 0, 0, 0, 0, 0));
        yield return Row("vhdx:header", "metadata at the start", PatchTables(48 + 16, 0, 0, 0, 0, 0, 0, 0, 0));
        yield return Row("vhdx:header", "metadata at no whole mebibyte", PatchTables(48 + 16, 1));
        yield return Row("vhdx:header", "metadata behind everything", PatchTables(48 + 16, 0, 0, 0, 0, 0, 0, 0, 0x0f));
        yield return Row("vhdx:header", "metadata at the highest offset", PatchTables(48 + 16, 0, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff));
        yield return Row("vhdx:header", "metadata without room", PatchTables(48 + 24, 0, 0, 0, 0));
        yield return Row("vhdx:header", "metadata twice", PatchTables(16, [.. CraftedImages.Vhdx().AsSpan((192 * 1024) + 48, 32)]));
        yield return Row("vhdx:header", "no table of metadata", Patch(CraftedImages.Vhdx(), 1 << 20, 0));
        yield return Row("vhdx:header", "too many items", Patch(CraftedImages.Vhdx(), (1 << 20) + 10, 0xff, 0xff));
        yield return Row("vhdx:header", "an item over its own table", Patch(CraftedImages.Vhdx(), (1 << 20) + 64 + 16, 0, 0, 0, 0));
        yield return Row("vhdx:header", "an item behind its region", Patch(CraftedImages.Vhdx(), (1 << 20) + 64 + 16, 0xff, 0xff, 0xff, 0xff));
        yield return Row("vhdx:header", "a long item", Patch(CraftedImages.Vhdx(), (1 << 20) + 64 + 20, 9));
        yield return Row("vhdx:header", "items over each other", Patch(CraftedImages.Vhdx(), (1 << 20) + 64 + 16, 4));
        yield return Row("vhdx:header", "an impossible size", Patch(CraftedImages.Vhdx(), (1 << 20) + (64 * 1024) + 7, 0xff));
        yield return Row("vhdx:backing_file", "a differencing disk", Patch(CraftedImages.Vhdx(), (1 << 20) + (64 * 1024) + 12, 2));

        yield return Row("vmdk:header", "cut off", CraftedImages.Vmdk(CraftedImages.Descriptor)[..100]);
        yield return Row("vmdk:header", "no sectors, for which QEMU follows the description", CraftedImages.Vmdk(CraftedImages.Descriptor, capacity: 0));
        yield return Row("vmdk:header", "an impossible size", CraftedImages.Vmdk(CraftedImages.Descriptor, capacity: ulong.MaxValue / 512));
        yield return Row("vmdk:descriptor", "no description", Patch(CraftedImages.Vmdk(CraftedImages.Descriptor), 28, 0));
        yield return Row("vmdk:descriptor", "a description of two terabytes", Patch(CraftedImages.Vmdk(CraftedImages.Descriptor), 36, 0, 0, 0, 0, 1));
        yield return Row("vmdk:descriptor", "a description of 2⁶⁴ sectors", Patch(CraftedImages.Vmdk(CraftedImages.Descriptor), 36, [.. Enumerable.Repeat((byte)0xff, 8)]));
        yield return Row("vmdk:descriptor", "a description at the highest offset", Patch(CraftedImages.Vmdk(CraftedImages.Descriptor), 28, [.. Enumerable.Repeat((byte)0xff, 8)]));
        yield return Row("vmdk:descriptor", "a description behind the end", Patch(CraftedImages.Vmdk(CraftedImages.Descriptor), 28, 0, 1));
        yield return Row("vmdk:descriptor", "a description without an end", CraftedImages.Vmdk(CraftedImages.Descriptor + new string('#', (20 * 512) - CraftedImages.Descriptor.Length)));
        yield return Row("vmdk:descriptor", "a line of nonsense", Described("version=1", "version=1\nwhat is this"));
        yield return Row("vmdk:descriptor", "a key with a space", Described("version=1", "ver sion=1"));
        yield return Row("vmdk:descriptor", "no extent", Described("RW 20480", "#"));
        yield return Row("vmdk:data_file", "an extent with a path", Described("\"disk.vmdk\"", "\"/etc/passwd\""));
        yield return Row("vmdk:data_file", "an extent in another folder", Described("\"disk.vmdk\"", "\"../other/disk.vmdk\""));
        yield return Row("vmdk:data_file", "a second extent with a path", Described("RW 20480", "rdonly 1 FLAT \"/dev/sda\" 0\nRW 20480"));
        yield return Row("vmdk:data_file", "a second extent, by the name of a neighbour", Described("RW 20480", "RW 1 SPARSE \"other\"\nRW 20480"));
        yield return Row("vmdk:data_file", "an extent that is not in the file", Described("SPARSE", "FLAT"));
        yield return Row("vmdk:data_file", "an extent behind a carriage return", Described("version=1", "version=1\rNOACCESS 1 FLAT \"/dev/sda\" 0"));
        yield return Row("vmdk:kind", "a flat disk", Described("monolithicSparse", "monolithicFlat"));
        yield return Row("vmdk:kind", "a disk on a device", Described("monolithicSparse", "fullDevice"));
        yield return Row("vmdk:kind", "no kind", Described("createType", "#"));
        yield return Row("vmdk:kind", "another kind in a comment, which QEMU would take", Described("version=1", "# createType=\"monolithicFlat\""));
        yield return Row("vmdk:backing_file", "a parent", Described("parentCID=ffffffff", "parentCID=12345678"));
        yield return Row("vmdk:backing_file", "a parent's name in a comment, which QEMU would take", Described("#DDB", "# parentFileNameHint=\"/etc/passwd\""));
        yield return Row("vmdk:data_file", "a bare description", Encoding.ASCII.GetBytes(CraftedImages.Descriptor));
        yield return Row("vmdk:data_file", "a bare description in disguise", Encoding.ASCII.GetBytes("#" + new string('x', 600) + "\n\n  version=1\ncreateType=\"monolithicFlat\"\n"));
        yield return Row("vmdk:kind", "an extent of ESX", [.. "COWD"u8, .. new byte[508]]);

        // The last three sectors: marker, footer, end of stream.
        var footed = CraftedImages.VmdkWithFooter();
        yield return Row("vmdk:footer", "no marker", Patch(footed, footed.Length - 1536 + 12, 2));
        yield return Row("vmdk:footer", "no footer", Patch(footed, footed.Length - 1024, 0));
        yield return Row("vmdk:footer", "another version", Patch(footed, footed.Length - 1024 + 4, 9));
        yield return Row("vmdk:footer", "another size", Patch(footed, footed.Length - 1024 + 12, 9));
        yield return Row("vmdk:footer", "another description", Patch(footed, footed.Length - 1024 + 28, 9));
        yield return Row("vmdk:footer", "a footer that points to a footer", Patch(footed, footed.Length - 1024 + 56, [.. Enumerable.Repeat((byte)0xff, 8)]));
        yield return Row("vmdk:footer", "no end of the stream", Patch(footed, footed.Length - 512, 1));
        yield return Row("vmdk:footer", "something behind the end", [.. footed, 0]);
        yield return Row("vmdk:footer", "nothing but a header", footed[..1024]);

        // Entries at 446, 16 bytes each.
        yield return Row("gpt:mbr", "a boot flag", Patch(CraftedImages.Gpt(), 446 + 48, 0x7f));
        yield return Row("gpt:mbr", "no partition", Patch(CraftedImages.Gpt(), 446 + 4, 0));
        yield return Row("gpt:gptmbr", "another start", Patch(CraftedImages.Gpt(), 446 + 2, 1));
        yield return Row("gpt:gptmbr", "another block", Patch(CraftedImages.Gpt(), 446 + 8, 2));
        yield return Row("gpt:gptmbr", "a hybrid table", Patch(CraftedImages.Gpt(), 446 + 16 + 4, 0x83));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Unsafe_images_are_found_out(string name)
    {
        var image = images[name];
        var expected = name[..name.IndexOf(' ', StringComparison.Ordinal)];
        var result = Inspections.Stream(image);
        Assert.Contains(expected, result.Failed());
        Assert.Equal(result.Text(), Inspections.Stream(image, 7).Text());
        Assert.Equal(result.Text(), (await Inspections.RandomAsync(image, 1000)).Text());

        // No name saves it, nor an operator who tolerates mismatches.
        foreach (var called in (string[])["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "gpt", "luks", "qed", "ami", "ploop"])
        {
            var verdict = FormatRules.Judge(called, "bare", result, new FormatPolicy { RequireMatch = false }, image.Length);
            Assert.Contains($"({expected.Split(':')[1]})", Assert.IsType<FormatVerdict.Refused>(verdict).Message);
        }
    }

    /// <summary>What the tests above break is sound before.</summary>
    [Fact]
    public void Sound_images_have_no_findings()
    {
        foreach (var (name, bytes, _) in CraftedImages.All)
        {
            var unsound = name switch { "vmdk text" => "vmdk:data_file", "qed" => "qed:banned", _ => null };
            Assert.Equal(unsound, Inspections.Stream(bytes).Failed().SingleOrDefault());
        }
    }

    [Theory]
    [InlineData("\r\n")]
    [InlineData("\n\n")]
    public void A_description_may_end_its_lines_as_it_likes(string end) =>
        Assert.Empty(Inspections.Stream(CraftedImages.Vmdk(CraftedImages.Descriptor.Replace("\n", end, StringComparison.Ordinal))).Findings);

    [Fact]
    public void A_message_repeats_no_more_than_a_clean_word_of_the_image()
    {
        var result = Inspections.Stream(Described("monolithicSparse", "<script>\u001b[2J" + new string('x', 5000)));
        var finding = Assert.Single(result.Findings);
        Assert.True(finding.Reason.Length < 150);
        Assert.DoesNotContain('<', finding.Reason);
        Assert.DoesNotContain('\u001b', finding.Reason);
    }

    [Fact]
    public void A_file_that_is_two_things_at_once_is_both()
    {
        byte[] image = [.. CraftedImages.Qcow2(3), .. new byte[32768 - 512], .. CraftedImages.Iso().AsSpan(32768)];
        var result = Inspections.Stream(image);
        Assert.Equal([DiskFormat.Qcow2, DiskFormat.Iso], result.Detected);
        Assert.Null(result.VirtualSize);
    }

    [Fact]
    public void A_partition_table_inside_a_fixed_VHD_belongs_to_the_guest()
    {
        var result = Inspections.Stream(CraftedImages.VhdFixed(CraftedImages.Gpt()));
        Assert.Equal([DiskFormat.Vhd], result.Detected);
        Assert.Equal(CraftedImages.Gpt().Length, result.VirtualSize);
    }

    [Fact]
    public void A_FAT_volume_is_no_partitioned_disk()
    {
        byte[] sector = [0xeb, 0x3c, 0x90, .. "mkfs.fat"u8, 0, 2, 4, 4, 0, 2, 0, 2, 0, 0, 0xf8, .. new byte[488], 0x55, 0xaa];
        Assert.Equal(512, sector.Length);
        Assert.True(Inspections.Stream(sector).IsRaw);
        sector[16] = 7;
        Assert.Equal([DiskFormat.Gpt], Inspections.Stream(sector).Detected);
    }

    [Fact]
    public void A_UDF_volume_is_a_CD()
    {
        var image = new byte[40_960];
        "BEA01"u8.CopyTo(image.AsSpan(32769));
        "NSR03"u8.CopyTo(image.AsSpan(32769 + 2048));
        Assert.Equal([DiskFormat.Iso], Inspections.Stream(image).Detected);
    }

    [Fact]
    public void Nothing_is_a_raw_disk_of_no_bytes()
    {
        var result = Inspections.Stream([]);
        Assert.True(result.IsRaw);
        Assert.Equal(0, result.VirtualSize);
    }

    private static byte[] Described(string old, string replacement) =>
        CraftedImages.Vmdk(CraftedImages.Descriptor.Replace(old, replacement, StringComparison.Ordinal));

    private static byte[] Patch(byte[] image, int at, params byte[] bytes)
    {
        var copy = image.ToArray();
        bytes.CopyTo(copy, at);
        return copy;
    }

    private static byte[] PatchTables(int at, params byte[] bytes) =>
        Patch(Patch(CraftedImages.Vhdx(), (192 * 1024) + at, bytes), (256 * 1024) + at, bytes);

    private static (string Name, byte[] Bytes) Row(string check, string name, byte[] image) => ($"{check} {name}", image);
}
