using System.Diagnostics;
using System.Net;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>Memory does not depend on the size of an image.</summary>
public sealed class LargeTransferTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;
    private const long MemoryLimit = 200 * MiB;

    private static long Size => Requires.FullCounts ? 4096 * MiB : 768 * MiB;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_large_image_goes_up_and_down_in_little_memory(bool lengthKnown)
    {
        await using var site = await Site.StartedAsync();
        var id = await site.Images.CreateAsync("large");

        var begun = Stopwatch.GetTimestamp();
        Assert.Equal(HttpStatusCode.NoContent, await site.Images.UploadAsync(id, new PatternContent(Size, lengthKnown)));
        var up = Stopwatch.GetElapsedTime(begun);
        begun = Stopwatch.GetTimestamp();
        var down = await site.Images.DownloadAsync(id);
        var peak = site.Gateway.PeakMemory;
        output.WriteLine($"{Size / MiB} MiB: up {Size / MiB / up.TotalSeconds:F0} MiB/s, down {Size / MiB / Stopwatch.GetElapsedTime(begun).TotalSeconds:F0} MiB/s, peak {peak / MiB} MiB");

        Assert.Equal((Size, PatternContent.Md5(Size)), down);
        Assert.Equal(down.Md5, (await site.Images.ShowAsync(id)).GetProperty("checksum").GetString());
        Assert.InRange(peak, MiB, MemoryLimit);
    }

    [Fact]
    public async Task Eight_uploads_at_once_take_little_memory()
    {
        const long Each = 64 * MiB;
        await using var site = await Site.StartedAsync();

        var begun = Stopwatch.GetTimestamp();
        var ids = await Task.WhenAll(Enumerable.Range(0, 8).Select(n => site.Images.CreateAsync($"parallel {n}", new PatternContent(Each, lengthKnown: n % 2 == 0))));
        output.WriteLine($"8 x 64 MiB: {8 * Each / MiB / Stopwatch.GetElapsedTime(begun).TotalSeconds:F0} MiB/s, peak {site.Gateway.PeakMemory / MiB} MiB");

        var md5 = PatternContent.Md5(Each);
        foreach (var id in ids)
        {
            Assert.Equal((Each, md5), await site.Images.DownloadAsync(id));
        }

        Assert.InRange(site.Gateway.PeakMemory, MiB, MemoryLimit);
    }
}
