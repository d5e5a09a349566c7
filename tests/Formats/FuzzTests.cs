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

    private static readonly TimeSpan limit = Requires.FullCounts ? TimeSpan.FromMinutes(10) : TimeSpan.FromSeconds(4);

    [Fact]
    public async Task No_image_makes_an_inspection_throw_or_grow_or_hang()
    {
        var clock = Stopwatch.StartNew();
        var count = 0;
        for (var seed = 1; clock.Elapsed < limit; seed++, count++)
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

        TestContext.Current.TestOutputHelper!.WriteLine($"{count:N0} images in {clock.Elapsed.TotalSeconds:N0} s");
        Assert.True(count > 1000, $"only {count} images in {clock.Elapsed}");
    }

    /// <summary>The point of it all: what passes, the tool that will open it opens as a whole disk of the size that was recorded.</summary>
    [Fact]
    public async Task What_is_accepted_touches_no_other_file_when_QEMU_opens_it()
    {
        Requires.Programs("qemu-img");
        using var folder = new TempDirectory();
        var openable = CraftedImages.All.Where(image => QemuName(image.Name) is not null).ToArray();
        var (opened, tried, clock) = (0, 0, Stopwatch.StartNew());
        var time = Requires.FullCounts ? TimeSpan.FromMinutes(5) : TimeSpan.FromSeconds(6);
        for (var seed = 1; clock.Elapsed < time; seed++)
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
                // Of a VHD that certain programs made, QEMU takes the size from the geometry.
                Assert.True(disk.GetProperty("virtual-size").GetInt64() == accepted.VirtualSize, $"{accepted} {why}");
            }
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"QEMU opened {opened} of {tried} accepted images");
        Assert.True(opened > 10, $"QEMU opened only {opened} of {tried}");
    }

    private static string? QemuName(string name) => name.Split(' ')[0] switch
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
