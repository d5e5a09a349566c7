using System.Diagnostics;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Formats;

/// <summary>Broken images by the thousand. Each is found again by the seed in the message.</summary>
public sealed class FuzzTests
{
    /// <summary>More than any inspection needs: the longest description of a VMDK and some tables.</summary>
    private const long MostAllocated = 256 * 1024;

    private static readonly string[] names = ["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "gpt", "luks", "qed", "ami"];

    [Fact]
    public async Task No_image_makes_an_inspection_throw_or_grow_or_hang()
    {
        var clock = Stopwatch.StartNew();
        var seed = 1;
        for (; seed <= 4000 || (Requires.FullCounts && clock.Elapsed < TimeSpan.FromMinutes(10)); seed++)
        {
            var (name, bytes) = new Mutation(seed).Next(CraftedImages.All);
            var streamed = InspectWithinBounds(bytes, $"seed {seed}, from {name}");
            Assert.Equal(streamed.Text(), Inspections.Stream(bytes, 1 + (seed % 5000)).Text());
            if (seed % 8 == 0)
            {
                Assert.Equal(streamed.Text(), (await Inspections.RandomAsync(bytes, 1 + (seed % 9000))).Text());
            }

            foreach (var called in names)
            {
                var verdict = FormatRules.Judge(called, "bare", streamed, FormatPolicy.Default, bytes.Length);
                Assert.True(streamed.Findings.Count == 0 || verdict is FormatVerdict.Refused, $"seed {seed}, from {name}, called {called}");
            }
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{seed - 1:N0} images in {clock.Elapsed.TotalSeconds:N0} s");
    }

    /// <summary>The point of it all: what passes, the tool that will open it opens as a whole disk of the size that was recorded.</summary>
    [Fact]
    public async Task What_is_accepted_touches_no_other_file_when_QEMU_opens_it()
    {
        Requires.Programs("qemu-img");
        using var folder = new TempDirectory();
        var openable = await MadeByQemuAsync(folder);
        var (opened, tried, clock) = (0, 0, Stopwatch.StartNew());
        for (var seed = 1; seed <= 300 || (Requires.FullCounts && clock.Elapsed < TimeSpan.FromMinutes(5)); seed++)
        {
            var (name, bytes) = new Mutation(seed).Next(openable);
            var result = Inspections.Stream(bytes);
            if (!result.IsRecognised || QemuName(result.Detected[0].Name()) is not { } format
                || FormatRules.Judge(result.Detected[0].Name(), "bare", result, FormatPolicy.Default, bytes.Length) is not FormatVerdict.Accepted accepted)
            {
                continue;
            }

            tried++;
            await File.WriteAllBytesAsync(folder["disk.img"], bytes, TestContext.Current.CancellationToken);
            var info = await Command.RunAsync("qemu-img", ["info", "--output=json", "-f", format, folder["disk.img"]]);
            if (info.ExitCode != 0)
            {
                continue;
            }

            opened++;
            var disk = JsonDocument.Parse(info.Output).RootElement;
            var why = $"seed {seed}, from {name}\n{info.Output}";
            Assert.False(disk.TryGetProperty("backing-filename", out _), why);
            Assert.DoesNotContain("data-file\":", info.Output, StringComparison.Ordinal);
            Assert.False(info.Output.Contains("/etc/passwd", StringComparison.Ordinal), why);
            if (format != "vpc")
            {
                // QEMU rounds to whole sectors. Of a VHD that certain programs made, it takes the size from the geometry.
                Assert.True(Math.Abs(disk.GetProperty("virtual-size").GetInt64() - accepted.VirtualSize!.Value) < 512, $"{accepted} {why}");
            }
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"QEMU opened {opened} of {tried} accepted images");
        Assert.True(opened > 10, $"QEMU opened only {opened} of {tried}");
    }

    /// <summary>Small images that QEMU can open, with the places of their headers, and the crafted one that has a footer.</summary>
    private static async Task<(string Name, byte[] Bytes, (int Offset, int Length)[] Places)[]> MadeByQemuAsync(TempDirectory folder)
    {
        (string Format, string Options, (int Offset, int Length)[] Places)[] kinds =
        [
            ("qcow2", "compat=1.1", [(0, 112), (0, 112), (112, 400)]),
            ("qcow2", "compat=0.10", [(0, 80)]),
            ("vmdk", "subformat=monolithicSparse", [(0, 80), (512, 300)]),
            ("vmdk", "subformat=streamOptimized", [(0, 80), (512, 300)]),
            ("vdi", "static=off", [(0x40, 0x190)]),
            ("vpc", "subformat=dynamic", [(0, 85)]),
            ("vhdx", "block_size=1M,log_size=1M", [((2 << 20) + 32, 160), ((2 << 20) + (64 * 1024), 40)]),
        ];
        var images = new List<(string Name, byte[] Bytes, (int Offset, int Length)[] Places)>();
        foreach (var (format, options, places) in kinds)
        {
            var path = folder["source.img"];
            (await Command.RunAsync("qemu-img", ["create", "-q", "-f", format, "-o", options, path, "1M"])).Succeeded();
            images.Add(($"{format} {options}", await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken), places));
        }

        return [.. images, CraftedImages.All.Single(image => image.Name == "vmdk with a footer")];
    }

    private static string? QemuName(string name) => name switch
    {
        "qcow2" => "qcow2",
        "vmdk" => "vmdk",
        "vdi" => "vdi",
        "vhd" => "vpc",
        "vhdx" => "vhdx",
        _ => null,
    };

    private static InspectionResult InspectWithinBounds(byte[] bytes, string what)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        InspectionResult result;
        try
        {
            result = Inspections.Stream(bytes);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {e}", e);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated < MostAllocated, $"{what}: {allocated} bytes allocated");
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"{what}: {clock.Elapsed}");
        return result;
    }
}
