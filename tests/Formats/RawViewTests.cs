using System.Security.Cryptography;
using GlanceGateway.Abstractions;
using GlanceGateway.Formats.Raw;
using GlanceGateway.Testing;

namespace GlanceGateway.Formats;

/// <summary>The raw view against QEMU: every byte, every hole and every length as <c>qemu-img convert -O raw</c> has them.</summary>
public sealed class RawViewTests : IDisposable
{
    private readonly TempDirectory _folder = new();

    /// <summary>QEMU's format and options, whether compressed, and our name of the format.</summary>
    public static TheoryData<string, string, bool, string> Kinds { get; } = new()
    {
        { "qcow2", "compat=0.10", false, "qcow2" },
        { "qcow2", "compat=0.10", true, "qcow2" },
        { "qcow2", "compat=1.1", false, "qcow2" },
        { "qcow2", "compat=1.1", true, "qcow2" },
        { "qcow2", "compat=1.1,compression_type=zstd", true, "qcow2" },
        { "qcow2", "compat=1.1,lazy_refcounts=on,refcount_bits=1", false, "qcow2" },
        { "qcow2", "cluster_size=512", false, "qcow2" },
        { "qcow2", "cluster_size=512", true, "qcow2" },
        { "qcow2", "cluster_size=4k", false, "qcow2" },
        { "qcow2", "cluster_size=4k,compression_type=zstd", true, "qcow2" },
        { "qcow2", "cluster_size=2M", false, "qcow2" },
        { "qcow2", "cluster_size=2M", true, "qcow2" },
        { "qcow2", "cluster_size=2M,compression_type=zstd", true, "qcow2" },
        { "qcow2", "preallocation=metadata", false, "qcow2" },
        { "qcow2", "preallocation=full", false, "qcow2" },
        { "qcow2", "extended_l2=on", false, "qcow2" },
        { "qcow2", "extended_l2=on", true, "qcow2" },
        { "qcow2", "extended_l2=on,cluster_size=128k", false, "qcow2" },
        { "qcow2", "extended_l2=on,cluster_size=16k,preallocation=metadata", false, "qcow2" },
        { "vmdk", "subformat=monolithicSparse", false, "vmdk" },
        { "vmdk", "subformat=monolithicSparse,compat6=on", false, "vmdk" },
        { "vmdk", "subformat=monolithicSparse,zeroed_grain=on", false, "vmdk" },
        { "vmdk", "subformat=streamOptimized", false, "vmdk" },
        { "vpc", "subformat=dynamic", false, "vhd" },
        { "vpc", "subformat=dynamic,force_size=on", false, "vhd" },
        { "vpc", "subformat=fixed", false, "vhd" },
        { "vpc", "subformat=fixed,force_size=on", false, "vhd" },
        { "vhdx", "subformat=dynamic", false, "vhdx" },
        { "vhdx", "subformat=dynamic,block_size=1M,log_size=4M", false, "vhdx" },
        { "vhdx", "subformat=fixed", false, "vhdx" },
        { "vdi", "static=off", false, "vdi" },
        { "vdi", "static=on", false, "vdi" },
    };

    /// <inheritdoc/>
    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task It_shows_what_QEMU_converts(string format, string options, bool compress, string diskFormat)
    {
        Requires.Programs("qemu-img");
        var disk = _folder["source.raw"];
        Disks.Write(disk, seed: format.Length + options.Length);
        await ConvertAsync(disk, "raw", format, options, compress);
        await CompareAsync(_folder["disk.img"], format, diskFormat);
    }

    /// <summary>A disk whose clusters were written in the order of a guest: tables and data interleaved, clusters out of order, discarded ones, parts of clusters.</summary>
    [Theory]
    [InlineData("qcow2", "compat=1.1", "qcow2")]
    [InlineData("qcow2", "compat=0.10", "qcow2")]
    [InlineData("qcow2", "cluster_size=1k", "qcow2")]
    [InlineData("qcow2", "extended_l2=on", "qcow2")]
    [InlineData("vmdk", "subformat=monolithicSparse", "vmdk")]
    [InlineData("vmdk", "subformat=monolithicSparse,zeroed_grain=on", "vmdk")]
    [InlineData("vpc", "subformat=dynamic", "vhd")]
    [InlineData("vhdx", "subformat=dynamic", "vhdx")]
    [InlineData("vdi", "static=off", "vdi")]
    public async Task It_shows_what_a_guest_wrote(string format, string options, string diskFormat)
    {
        Requires.Programs("qemu-img", "qemu-io");
        var image = _folder["disk.img"];
        (await Command.RunAsync("qemu-img", ["create", "-q", "-f", format, "-o", options, image, "260M"])).Succeeded();
        var random = new Random(options.Length);
        var writes = new List<string>();
        for (var i = 0; i < 60; i++)
        {
            // VHDX and VDI of QEMU take whole sectors; so do all.
            var offset = random.Next(0, 259 << 11) * 512L;
            var length = random.Next(1, 400) * 512;
            writes.AddRange(["-c", random.Next(6) switch
            {
                0 when format is "qcow2" or "vmdk" => $"write -z {offset} {length}",
                1 when format == "qcow2" => $"discard {offset} {length}",
                2 when format == "qcow2" && !options.Contains("0.10", StringComparison.Ordinal) => $"write -z -u {offset} {length}",
                _ => $"write -P {random.Next(1, 256)} {offset} {length}",
            }]);
        }

        (await Command.RunAsync("qemu-io", ["-f", format, "--cache", "unsafe", .. writes, image])).Succeeded();
        await CompareAsync(image, format, diskFormat);
    }

    [Theory]
    [InlineData("qcow2", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", "encrypted")]
    [InlineData("qcow2", "data_file=DIRECTORY/data.raw", "another file")]
    [InlineData("vmdk", "subformat=monolithicFlat", "not safe")]
    public async Task What_needs_other_files_or_keys_is_refused(string format, string options, string reason)
    {
        Requires.Programs("qemu-img");
        var image = _folder["disk.img"];
        await Disks.CreateAsync(
            ["create", "-q", "--object", "secret,id=s,data=secret", "-f", format, "-o", options.Replace("DIRECTORY", _folder.Path, StringComparison.Ordinal), image, "33M"]);
        await RefusedAsync(image, format, reason);
    }

    [Theory]
    [InlineData("qcow2", "backing file")]
    [InlineData("vmdk", "parent")]
    public async Task What_stands_on_a_backing_file_is_refused(string format, string reason)
    {
        Requires.Programs("qemu-img");
        (await Command.RunAsync("qemu-img", ["create", "-q", "-f", format, _folder["base.img"], "33M"])).Succeeded();
        (await Command.RunAsync("qemu-img", ["create", "-q", "-f", format, "-b", _folder["base.img"], "-F", format, _folder["disk.img"]])).Succeeded();
        await RefusedAsync(_folder["disk.img"], format, reason);
    }

    [Theory]
    [InlineData(72 + 7, 1, "closed in good order")]
    [InlineData(72 + 7, 2, "closed in good order")]
    [InlineData(72 + 6, 1, "not known here")]
    [InlineData(20 + 3, 30, "damaged")]
    [InlineData(36 + 3, 0, "first table")]
    [InlineData(40, 0x7f, "impossible place")]
    public async Task A_qcow2_that_is_damaged_or_unknown_is_refused(int at, byte value, string reason)
    {
        Requires.Programs("qemu-img");
        (await Command.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", _folder["disk.img"], "33M"])).Succeeded();
        await using (var file = new FileStream(_folder["disk.img"], FileMode.Open))
        {
            file.Position = at;
            file.WriteByte(value);
        }

        await RefusedAsync(_folder["disk.img"], "qcow2", reason);
    }

    [Fact]
    public async Task What_is_called_by_another_name_is_refused()
    {
        Requires.Programs("qemu-img");
        (await Command.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", _folder["disk.img"], "33M"])).Succeeded();
        await RefusedAsync(_folder["disk.img"], "vmdk", "content is qcow2");
    }

    [Fact]
    public async Task Data_behind_the_end_of_the_file_are_a_fault_and_not_zeros()
    {
        Requires.Programs("qemu-img");
        var disk = _folder["source.raw"];
        Disks.Write(disk, seed: 5);
        await ConvertAsync(disk, "raw", "qcow2", "compat=1.1", compress: false);
        using (var file = File.OpenHandle(_folder["disk.img"], FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.SetLength(file, RandomAccess.GetLength(file) / 2);
        }

        await using var view = await RawView.OpenAsync(new FileSource(_folder["disk.img"]), "qcow2", TestContext.Current.CancellationToken);
        var buffer = new byte[1 << 20];
        var fault = await Assert.ThrowsAsync<StoreException>(async () =>
        {
            for (var offset = 0L; offset < view.Length; offset += buffer.Length)
            {
                await view.ReadAsync(offset, buffer, TestContext.Current.CancellationToken);
            }
        });
        Assert.Equal(StoreError.Corrupt, fault.Error);
    }

    [Fact]
    public async Task Many_readers_at_random_places_see_the_same_bytes()
    {
        Requires.Programs("qemu-img");
        var disk = _folder["source.raw"];
        Disks.Write(disk, seed: 11);
        await ConvertAsync(disk, "raw", "qcow2", "compat=1.1,compression_type=zstd", compress: true);
        var expected = await File.ReadAllBytesAsync(disk, TestContext.Current.CancellationToken);
        await using var view = await RawView.OpenAsync(new FileSource(_folder["disk.img"]), "qcow2", TestContext.Current.CancellationToken);
        await Parallel.ForEachAsync(Enumerable.Range(0, 400), TestContext.Current.CancellationToken, async (i, token) =>
        {
            var random = new Random(i);
            var offset = random.Next(expected.Length);
            var buffer = new byte[random.Next(1, 300_000)];
            var read = await view.ReadAsync(offset, buffer, token);
            Assert.Equal(Math.Min(buffer.Length, expected.Length - offset), read);
            Assert.True(expected.AsSpan(offset, read).SequenceEqual(buffer.AsSpan(0, read)), $"at {offset}");
        });
    }

    [Fact]
    public async Task A_raw_disk_is_shown_as_it_is()
    {
        var path = _folder["disk.raw"];
        Disks.Write(path, seed: 3);
        var source = new FileSource(path);
        await using var view = await RawView.OpenAsync(source, "raw", TestContext.Current.CancellationToken);
        Assert.Same(source, view);
    }

    private async Task ConvertAsync(string from, string fromFormat, string format, string options, bool compress) =>
        (await Command.RunAsync("qemu-img", ["convert", .. compress ? ["-c"] : Array.Empty<string>(), "-f", fromFormat, "-O", format, "-o", options, from, _folder["disk.img"]])).Succeeded();

    private static async Task RefusedAsync(string image, string diskFormat, string reason)
    {
        await using var source = new FileSource(image);
        var refusal = await Assert.ThrowsAsync<RawViewException>(() => RawView.OpenAsync(source, diskFormat, TestContext.Current.CancellationToken));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    private async Task CompareAsync(string image, string qemuFormat, string diskFormat)
    {
        (await Command.RunAsync("qemu-img", ["convert", "-f", qemuFormat, "-O", "raw", image, _folder["expected.raw"]])).Succeeded();
        await using var view = await RawView.OpenAsync(new FileSource(image), diskFormat, TestContext.Current.CancellationToken);
        await using var expected = File.OpenRead(_folder["expected.raw"]);
        Assert.Equal(expected.Length, view.Length);
        await using (var stream = await view.OpenRangeAsync(0, null, TestContext.Current.CancellationToken))
        {
            Assert.Equal(
                Convert.ToHexString(await SHA256.HashDataAsync(expected, TestContext.Current.CancellationToken)),
                Convert.ToHexString(await SHA256.HashDataAsync(stream, TestContext.Current.CancellationToken)));
        }

        await CheckHolesAsync(view, expected);
    }

    /// <summary>The runs follow each other to the end, and every hole reads as zeros.</summary>
    private static async Task CheckHolesAsync(IByteSource view, FileStream expected)
    {
        var holes = (IExtentMap)view;
        var buffer = new byte[1 << 20];
        for (var offset = 0L; offset < view.Length;)
        {
            var extent = await holes.GetExtentAsync(offset, TestContext.Current.CancellationToken);
            Assert.Equal(offset, extent.Offset);
            Assert.True(extent.Length > 0 && extent.Offset + extent.Length <= view.Length);
            for (var at = offset; extent.IsHole && at < offset + extent.Length;)
            {
                var length = (int)Math.Min(buffer.Length, offset + extent.Length - at);
                expected.Position = at;
                await expected.ReadExactlyAsync(buffer.AsMemory(0, length), TestContext.Current.CancellationToken);
                Assert.False(buffer.AsSpan(0, length).ContainsAnyExcept((byte)0), $"data in a hole at {at}");
                at += length;
            }

            offset += extent.Length;
        }
    }
}
