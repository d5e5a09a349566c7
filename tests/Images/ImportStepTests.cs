using System.Diagnostics;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

/// <summary>What happens to staged data before it goes into stores: unpacking, converting, properties; and what hostile data comes to.</summary>
public sealed class ImportStepTests : IDisposable
{
    private const string Direct = """{"method":{"name":"glance-direct"}}""";

    private static readonly byte[] data = RandomNumberGenerator.GetBytes(3 << 20);

    private readonly TempDirectory directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task Gzip_and_zip_of_one_file_are_unpacked_and_anything_else_stays()
    {
        await using var world = await OpenAsync(ImportStepNames.Decompression);
        foreach (var (staged, expected) in new[]
        {
            (Gzip(data), data),
            (Zip(("disk.img", data)), data),
            (Zip(CompressionLevel.NoCompression, ("disk.img", data)), data),
            (data, data),
            (Gzip([]), []),
        })
        {
            var image = await world.CreateAsync();
            Assert.Equal(WorkStatus.Success, (await ImportAsync(world, image, staged)).Status);
            var active = await world.FindAsync(image);
            Assert.Equal(expected.Length, active.Size);
            Assert.Equal(Convert.ToHexStringLower(SHA512.HashData(expected)), active.HashValue);
            Assert.Equal(expected, await world.ReadAsync(image));
            await world.NothingStagedAsync();
        }

        var compressed = await world.CreateAsync(attributes: ("container_format", "compressed"));
        Assert.Equal(WorkStatus.Success, (await ImportAsync(world, compressed, Gzip(data))).Status);
        Assert.Equal(Gzip(data).Length, (await world.FindAsync(compressed)).Size);
    }

    [Fact]
    public async Task A_zip_of_the_zip_program_with_zip64_fields_is_unpacked()
    {
        // Written to something that cannot seek, so the sizes come after the data and in the extra field.
        await File.WriteAllBytesAsync(directory["disk.img"], data, Token);
        var script = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_DEFLATED)\nwith z.open('disk.img','w',force_zip64=True) as f: f.write(open(sys.argv[2],'rb').read())\nz.close()";
        (await Command.RunAsync("python3", ["-c", script, directory["disk.zip"], directory["disk.img"]])).Succeeded();
        await using var world = await OpenAsync(ImportStepNames.Decompression);
        var image = await world.CreateAsync();
        Assert.Equal(WorkStatus.Success, (await ImportAsync(world, image, await File.ReadAllBytesAsync(directory["disk.zip"], Token))).Status);
        Assert.Equal(data, await world.ReadAsync(image));
    }

    [Fact]
    public async Task Hostile_archives_are_refused_and_leave_nothing()
    {
        var bomb = Gzip(new byte[64 << 20]);
        var zip = Zip(("disk.img", data));
        var wrongSum = (byte[])zip.Clone();
        var list = zip.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        wrongSum[list + 16] ^= 1;
        var wrongSize = (byte[])zip.Clone();
        wrongSize[list + 24] ^= 1;
        var encrypted = (byte[])zip.Clone();
        encrypted[list + 8] |= 1;
        var farList = (byte[])zip.Clone();
        farList.AsSpan(farList.Length - 6, 4).Fill(0xfe);
        await using var world = await OpenAsync(ImportStepNames.Decompression, new DecompressionOptions { MaxRatio = 100 });
        foreach (var (name, staged, reason) in new[]
        {
            ("bomb", bomb, "100 times"),
            ("bomb in a zip", Zip(("disk.img", new byte[64 << 20])), "100 times"),
            ("gzip twice", Gzip(Gzip(data)), "compressed again"),
            ("gzip in a zip", Zip(("disk.img.gz", Gzip(data))), "compressed again"),
            ("cut gzip", Gzip(data)[..^100], "damaged"),
            ("damaged gzip", [.. Gzip(data)[..^5], 1, 2, 3, 4, 5], "damaged"),
            ("cut zip", zip[..^100], "damaged"),
            ("path", Zip(("../../etc/passwd", data)), "path"),
            ("absolute path", Zip(("/etc/passwd", data)), "path"),
            ("back-slashes", Zip(("..\\disk.img", data)), "path"),
            ("two files", Zip(("a", data), ("b", data)), "exactly one"),
            ("many files", Zip([.. Enumerable.Range(0, 20_000).Select(i => ($"f{i}", Array.Empty<byte>()))]), "exactly one"),
            ("wrong sum", wrongSum, "damaged"),
            ("wrong size", wrongSize, "damaged"),
            ("encrypted", encrypted, "encrypted"),
            ("list beyond the end", farList, "not where it should be"),
        })
        {
            var image = await world.CreateAsync();
            var task = await ImportAsync(world, image, staged);
            Assert.True(task.Status == WorkStatus.Failure, name);
            Assert.True(task.Message!.Contains(reason, StringComparison.Ordinal), $"{name}: {task.Message}");
            Assert.Equal((ImageStatus.Queued, null), ((await world.FindAsync(image)).Status, (await world.FindAsync(image)).Size));
            await world.NothingStagedAsync();
        }

        Assert.Empty(world.Files);
    }

    [Fact]
    public async Task What_is_unpacked_obeys_the_size_cap()
    {
        await using var world = await OpenAsync(ImportStepNames.Decompression, options: new ImageOptions { SizeCap = 1 << 20 });
        var image = await world.CreateAsync();
        var task = await ImportAsync(world, image, Gzip(new byte[2 << 20]));
        Assert.Contains("maximum allowed size", task.Message, StringComparison.Ordinal);
        await world.NothingStagedAsync();
    }

    [Theory]
    [InlineData("qcow2", "qcow2", "raw")]
    [InlineData("vmdk", "vmdk", "raw")]
    [InlineData("vdi", "vdi", "raw")]
    [InlineData("vpc", "vhd", "raw")]
    [InlineData("vhdx", "vhdx", "raw")]
    [InlineData("raw", "raw", "qcow2")]
    [InlineData("raw", "raw", "vmdk")]
    public async Task Disks_become_disks_of_the_format(string program, string diskFormat, string output)
    {
        await File.WriteAllBytesAsync(directory["disk.raw"], data, Token);
        string[] kind = program switch { "vmdk" => ["-o", "subformat=streamOptimized"], "vpc" => ["-o", "subformat=dynamic,force_size=on"], _ => [] };
        await QemuAsync(["convert", "-f", "raw", "-O", program, .. kind, directory["disk.raw"], directory["disk"]]);
        await using var world = await OpenAsync(ImportStepNames.Conversion, conversion: Options() with { OutputFormat = output });
        var image = await world.CreateAsync(attributes: ("disk_format", diskFormat));
        var task = await ImportAsync(world, image, await File.ReadAllBytesAsync(directory["disk"], Token));

        Assert.True(task.Status == WorkStatus.Success, task.Message);
        var active = await world.FindAsync(image);
        Assert.Equal((output, "bare", (long?)data.Length), (active.DiskFormat, active.ContainerFormat, active.VirtualSize));
        Assert.DoesNotContain(active.Properties, property => property.Key == "os_glance_import_formats");
        await File.WriteAllBytesAsync(directory["result"], await world.ReadAsync(image), Token);
        await QemuAsync("compare", "-f", "raw", "-F", output, directory["disk.raw"], directory["result"]);
        Assert.Empty(Directory.GetDirectories(directory["scratch"]));
        await world.NothingStagedAsync();
    }

    [Fact]
    public async Task Unsafe_disks_never_reach_the_converter_and_the_image_keeps_its_formats()
    {
        await QemuAsync("create", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", directory["backed"], "1M");
        await QemuAsync("create", "-f", "qcow2", "-o", $"data_file={directory["outside"]},data_file_raw=on", directory["datafile"], "1M");
        await QemuAsync("create", "-f", "qcow2", directory["plain"], "1M");
        await QemuAsync("create", "-f", "qcow2", directory["huge"], "2T");
        var broken = await File.ReadAllBytesAsync(directory["plain"], Token);
        broken.AsSpan(40, 8).Fill(0xff);
        await using var world = await OpenAsync(ImportStepNames.Conversion, conversion: Options());
        foreach (var (name, staged, diskFormat, reason) in new[]
        {
            ("backing file", await File.ReadAllBytesAsync(directory["backed"], Token), "qcow2", "safety"),
            ("data file", await File.ReadAllBytesAsync(directory["datafile"], Token), "qcow2", "safety"),
            ("another format", await File.ReadAllBytesAsync(directory["plain"], Token), "vmdk", "disk_format is vmdk"),
            ("no format", Encoding.ASCII.GetBytes("# Disk DescriptorFile\nversion=1\nRW 1 FLAT \"/etc/passwd\" 0\n"), "vmdk", "safety"),
            ("larger than the cap", await File.ReadAllBytesAsync(directory["huge"], Token), "qcow2", "maximum allowed size"),
            ("broken tables", broken, "qcow2", "cannot be converted"),
        })
        {
            var image = await world.CreateAsync(attributes: ("disk_format", diskFormat));
            var task = await ImportAsync(world, image, staged);
            Assert.True(task.Status == WorkStatus.Failure, name);
            Assert.True(task.Message!.Contains(reason, StringComparison.Ordinal), $"{name}: {task.Message}");
            var queued = await world.FindAsync(image);
            Assert.Equal((ImageStatus.Queued, diskFormat), (queued.Status, queued.DiskFormat));
            await world.NothingStagedAsync();
            Assert.Empty(Directory.GetDirectories(directory["scratch"]));
        }

        Assert.Empty(world.Files);
    }

    [Fact]
    public async Task A_converted_image_whose_import_fails_gets_its_formats_back()
    {
        await QemuAsync("create", "-f", "qcow2", directory["plain"], "3M");
        await using var world = await OpenAsync(ImportStepNames.Conversion, conversion: Options());
        var image = await world.CreateAsync(attributes: ("disk_format", "qcow2"));
        var task = await ImportAsync(world, image, await File.ReadAllBytesAsync(directory["plain"], Token), """{"method":{"name":"glance-direct"},"stores":["small"]}""");
        Assert.Equal(WorkStatus.Failure, task.Status);
        var queued = await world.FindAsync(image);
        Assert.Equal((ImageStatus.Queued, "qcow2", "bare"), (queued.Status, queued.DiskFormat, queued.ContainerFormat));
        Assert.DoesNotContain(queued.Properties, property => property.Key == "os_glance_import_formats");
        await world.NothingStagedAsync();
    }

    [Fact]
    public async Task A_converter_that_needs_more_than_it_may_have_is_ended()
    {
        await QemuAsync("create", "-f", "qcow2", directory["plain"], "1M");
        var bytes = await File.ReadAllBytesAsync(directory["plain"], Token);
        foreach (var options in new[] { Options() with { MemoryBytes = 8 << 20 }, Options() with { Timeout = TimeSpan.FromMilliseconds(1) }, Options() with { ScratchBytes = 1 << 20 } })
        {
            await using var world = await OpenAsync(ImportStepNames.Conversion, conversion: options);
            var image = await world.CreateAsync(attributes: ("disk_format", "qcow2"));
            var watch = Stopwatch.StartNew();
            Assert.Equal(WorkStatus.Failure, (await ImportAsync(world, image, bytes)).Status);
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(60));
            Assert.Equal("qcow2", (await world.FindAsync(image)).DiskFormat);
            Assert.Empty(Directory.GetDirectories(directory["scratch"]));
        }
    }

    [Fact]
    public async Task Unpacking_comes_before_converting()
    {
        await QemuAsync("create", "-f", "qcow2", directory["plain"], "1M");
        await using var world = await ImageWorld.OpenAsync(import: new ImportOptions
        {
            Plugins = [ImportStepNames.Conversion, ImportStepNames.Decompression],
            Conversion = Options(),
        });
        var image = await world.CreateAsync(attributes: ("disk_format", "qcow2"));
        Assert.Equal(WorkStatus.Success, (await ImportAsync(world, image, Gzip(await File.ReadAllBytesAsync(directory["plain"], Token)))).Status);
        Assert.Equal(new byte[1 << 20], await world.ReadAsync(image));
    }

    [Fact]
    public async Task Properties_are_set_for_everybody_but_the_roles_that_are_ignored()
    {
        var import = new ImportOptions
        {
            Plugins = [ImportStepNames.InjectMetadata],
            Inject = new InjectOptions { Properties = new Dictionary<string, string> { ["os_distro"] = "debian", ["via"] = "import" } },
        };
        await using var world = await ImageWorld.OpenAsync(import: import);
        foreach (var (caller, distro, via) in new[] { (ImageWorld.Owner, "debian", "import"), (ImageWorld.Admin, "mine", null) })
        {
            var image = await world.CreateAsync(caller, ("os_distro", "mine"));
            await world.StageAsync(image, data, caller: caller);
            await world.ImportAsync(image, Direct, caller: caller);
            Assert.Equal(WorkStatus.Success, (await world.EndOfTaskAsync(image)).Status);
            var active = await world.FindAsync(image, caller);
            Assert.Equal(distro, active.Properties.Single(property => property.Key == "os_distro").Value);
            Assert.Equal(via, active.Properties.FirstOrDefault(property => property.Key == "via").Value);
        }
    }

    private static async Task<TaskRecord> ImportAsync(ImageWorld world, Image image, byte[] staged, string request = Direct)
    {
        await world.StageAsync(image, staged);
        await world.ImportAsync(image, request);
        return await world.EndOfTaskAsync(image);
    }

    private static byte[] Gzip(byte[] bytes)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    private static byte[] Zip(params (string Name, byte[] Data)[] files) => Zip(CompressionLevel.Optimal, files);

    private static byte[] Zip(CompressionLevel level, params (string Name, byte[] Data)[] files)
    {
        var packed = new MemoryStream();
        using (var zip = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in files)
            {
                using var entry = zip.CreateEntry(name, level).Open();
                entry.Write(bytes);
            }
        }

        return packed.ToArray();
    }

    private static async Task QemuAsync(params string[] arguments) => (await Command.RunAsync("qemu-img", arguments)).Succeeded();

    private ConversionOptions Options() => new() { ScratchDirectory = Directory.CreateDirectory(directory["scratch"]).FullName };

    private static Task<ImageWorld> OpenAsync(string plugin, DecompressionOptions? decompression = null, ConversionOptions? conversion = null, ImageOptions? options = null) =>
        ImageWorld.OpenAsync(options, import: new ImportOptions
        {
            Plugins = [plugin],
            Decompression = decompression ?? new DecompressionOptions(),
            Conversion = conversion ?? new ConversionOptions(),
        });
}
