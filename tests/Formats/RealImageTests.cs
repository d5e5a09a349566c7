using System.Security.Cryptography;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Formats;

/// <summary>Images that QEMU's own tool made, in every kind that it makes: recognised, as large as QEMU says, safe or refused for the right reason.</summary>
public sealed class RealImageTests : IDisposable
{
    private readonly TempDirectory folder = new();

    /// <summary>QEMU's format and options, our format, and the check that must fail.</summary>
    public static TheoryData<string, string, DiskFormat?, string?> Kinds { get; } = new()
    {
        { "qcow2", "compat=0.10", DiskFormat.Qcow2, null },
        { "qcow2", "compat=1.1", DiskFormat.Qcow2, null },
        { "qcow2", "compat=1.1,lazy_refcounts=on", DiskFormat.Qcow2, null },
        { "qcow2", "compat=1.1,refcount_bits=1", DiskFormat.Qcow2, null },
        { "qcow2", "compat=1.1,compression_type=zstd", DiskFormat.Qcow2, null },
        { "qcow2", "compat=1.1,extended_l2=on", DiskFormat.Qcow2, SafetyChecks.UnknownFeatures },
        { "qcow2", "cluster_size=512", DiskFormat.Qcow2, null },
        { "qcow2", "cluster_size=4k", DiskFormat.Qcow2, null },
        { "qcow2", "cluster_size=2M", DiskFormat.Qcow2, null },
        { "qcow2", "preallocation=metadata", DiskFormat.Qcow2, null },
        { "qcow2", "compat=0.10,encryption=on,encrypt.key-secret=s", DiskFormat.Qcow2, null },
        { "qcow2", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", DiskFormat.Qcow2, null },
        { "qcow2", "data_file=DIRECTORY/data.raw", DiskFormat.Qcow2, SafetyChecks.DataFile },
        { "qcow2", "data_file=DIRECTORY/data.raw,data_file_raw=on", DiskFormat.Qcow2, SafetyChecks.DataFile },
        { "qcow", "", DiskFormat.Qcow2, SafetyChecks.Version },
        { "vmdk", "subformat=monolithicSparse", DiskFormat.Vmdk, null },
        { "vmdk", "subformat=monolithicSparse,adapter_type=lsilogic,hwversion=6", DiskFormat.Vmdk, null },
        { "vmdk", "subformat=monolithicSparse,compat6=on", DiskFormat.Vmdk, null },
        { "vmdk", "subformat=monolithicSparse,zeroed_grain=on", DiskFormat.Vmdk, null },
        { "vmdk", "subformat=streamOptimized", DiskFormat.Vmdk, null },
        { "vmdk", "subformat=monolithicFlat", DiskFormat.Vmdk, SafetyChecks.DataFile },
        { "vmdk", "subformat=twoGbMaxExtentSparse", DiskFormat.Vmdk, SafetyChecks.DataFile },
        { "vmdk", "subformat=twoGbMaxExtentFlat", DiskFormat.Vmdk, SafetyChecks.DataFile },
        { "vpc", "subformat=dynamic", DiskFormat.Vhd, null },
        { "vpc", "subformat=dynamic,force_size=on", DiskFormat.Vhd, null },
        { "vpc", "subformat=fixed", DiskFormat.Vhd, null },
        { "vpc", "subformat=fixed,force_size=on", DiskFormat.Vhd, null },
        { "vhdx", "subformat=dynamic", DiskFormat.Vhdx, null },
        { "vhdx", "subformat=fixed", DiskFormat.Vhdx, null },
        { "vhdx", "subformat=dynamic,block_size=1M,log_size=4M", DiskFormat.Vhdx, null },
        { "vdi", "static=off", DiskFormat.Vdi, null },
        { "vdi", "static=on", DiskFormat.Vdi, null },
        { "qed", "", DiskFormat.Qed, SafetyChecks.Banned },
        { "luks", "key-secret=s,iter-time=10", DiskFormat.Luks, null },
        { "raw", "", null, null },
        { "raw", "preallocation=full", null, null },
    };

    /// <inheritdoc/>
    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_QEMU_makes_is_recognised(string format, string options, DiskFormat? expected, string? failure)
    {
        Requires.Programs("qemu-img");
        var path = folder["disk.img"];
        string[] arguments = options.Length == 0 ? [] : ["-o", options.Replace("DIRECTORY", folder.Path, StringComparison.Ordinal)];
        await Disks.CreateAsync(["create", "-q", "--object", "secret,id=s,data=secret", "-f", format, .. arguments, path, "33M"]);
        await CheckAsync(path, format, expected, failure);
    }

    /// <summary>With data in them, as conversions leave them: other tables, compressed clusters, the trailer behind data.</summary>
    [Theory]
    [InlineData("qcow2", "compat=1.1", DiskFormat.Qcow2)]
    [InlineData("qcow2", "compat=1.1,compression_type=zstd", DiskFormat.Qcow2)]
    [InlineData("vmdk", "subformat=monolithicSparse", DiskFormat.Vmdk)]
    [InlineData("vmdk", "subformat=streamOptimized", DiskFormat.Vmdk)]
    [InlineData("vpc", "subformat=dynamic", DiskFormat.Vhd)]
    [InlineData("vpc", "subformat=fixed", DiskFormat.Vhd)]
    [InlineData("vhdx", "subformat=dynamic", DiskFormat.Vhdx)]
    [InlineData("vdi", "static=off", DiskFormat.Vdi)]
    [InlineData("raw", "", DiskFormat.Gpt)]
    public async Task Converted_images_with_data_are_recognised(string format, string options, DiskFormat expected)
    {
        Requires.Programs("qemu-img");
        var path = folder["disk.img"];
        byte[] disk = [.. CraftedImages.Gpt(), .. RandomNumberGenerator.GetBytes(3 << 20), .. new byte[(5 << 20) + 1536]];
        await File.WriteAllBytesAsync(folder["source.raw"], disk, TestContext.Current.CancellationToken);
        string[] compress = format == "qcow2" ? ["-c"] : [];
        string[] arguments = options.Length == 0 ? [] : ["-o", options];
        (await Command.RunAsync("qemu-img", ["convert", .. compress, "-f", "raw", "-O", format, .. arguments, folder["source.raw"], path])).Succeeded();
        await CheckAsync(path, format, expected, failure: null);
    }

    [Theory]
    [InlineData("qcow2", DiskFormat.Qcow2)]
    [InlineData("vmdk", DiskFormat.Vmdk)]
    [InlineData("qed", DiskFormat.Qed)]
    public async Task Images_on_a_backing_file_are_unsafe(string format, DiskFormat expected)
    {
        Requires.Programs("qemu-img");
        var path = folder["disk.img"];
        (await Command.RunAsync("qemu-img", ["create", "-q", "-f", format, folder["base.img"], "33M"])).Succeeded();
        (await Command.RunAsync("qemu-img", ["create", "-q", "-f", format, "-b", folder["base.img"], "-F", format, path])).Succeeded();
        await CheckAsync(path, format, expected, format == "qed" ? SafetyChecks.Banned : SafetyChecks.BackingFile);
    }

    [Fact]
    public async Task A_part_of_a_split_VMDK_is_unsafe()
    {
        Requires.Programs("qemu-img");
        (await Command.RunAsync("qemu-img", ["create", "-q", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", folder["disk.vmdk"], "33M"])).Succeeded();
        var result = await Inspections.StreamFileAsync(folder["disk-s001.vmdk"]);
        Assert.Equal([DiskFormat.Vmdk], result.Detected);
        Assert.Contains("vmdk:descriptor", result.Failed());
    }

    /// <summary>QEMU writes no footers but reads them.</summary>
    [Fact]
    public async Task QEMU_opens_the_crafted_footer_too()
    {
        Requires.Programs("qemu-img");
        await File.WriteAllBytesAsync(folder["disk.img"], CraftedImages.VmdkWithFooter(), TestContext.Current.CancellationToken);
        await CheckAsync(folder["disk.img"], "vmdk", DiskFormat.Vmdk, failure: null);
    }

    [Fact]
    public async Task A_bootable_CD_is_a_CD_although_it_begins_with_a_partition_table()
    {
        const string path = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso";
        Requires.FileOf("grub-rescue-pc", path);
        var bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal((0x55, 0xaa), (bytes[510], bytes[511]));
        var result = Inspections.Stream(bytes);
        Assert.Equal([DiskFormat.Iso], result.Detected);
        Assert.Equal(bytes.Length, result.VirtualSize);
        Assert.Empty(result.Findings);
        Assert.Equal(result.Text(), (await Inspections.RandomAsync(bytes)).Text());
    }

    private static async Task CheckAsync(string path, string format, DiskFormat? expected, string? failure)
    {
        var result = await Inspections.StreamFileAsync(path);
        Assert.Equal(expected is { } one ? [one] : [], result.Detected);
        Assert.Equal(failure is null ? [] : [failure], result.Findings.Select(finding => finding.Check));
        if (failure is not (SafetyChecks.Version or SafetyChecks.DataFile) || result.VirtualSize is not null)
        {
            var info = (await Command.RunAsync("qemu-img", ["info", "-U", "--output=json", "-f", format, path])).Succeeded();
            Assert.Equal(JsonDocument.Parse(info.Output).RootElement.GetProperty("virtual-size").GetInt64(), result.VirtualSize);
        }

        // The same from a few reads.
        using var file = File.OpenHandle(path);
        var read = 0L;
        var again = await FormatInspector.InspectAsync(
            async (offset, memory, cancellation) =>
            {
                var n = await RandomAccess.ReadAsync(file, memory, offset, cancellation);
                read += n;
                return n;
            },
            new FileInfo(path).Length,
            TestContext.Current.CancellationToken);
        Assert.Equal(result.Text(), again.Text());
        Assert.InRange(read, 0, 64 * 1024);
    }
}
