using BenchmarkDotNet.Attributes;

namespace GlanceGateway.Bench;

/// <summary>Ranges of 64 KiB at random places of an image, one request after the other on one connection: what a request costs beside its
/// bytes.</summary>
public class RangeBenchmarks
{
    private const int ImageSize = 256 << 20;
    private const int RangeBytes = 64 * 1024;
    private const int Requests = 200;

    private readonly byte[][] requests = new byte[Requests][];
    private BenchGateway gateway = null!;
    private string imageId = "";
    private LoopbackClient client = null!;

    [GlobalSetup]
    public async Task PrepareAsync()
    {
        gateway = await SharedGateway.GetAsync();
        imageId = (await gateway.StoredAsync(ImageSize)).Id;
        var places = new Random(1);
        for (var i = 0; i < Requests; i++)
        {
            var first = places.NextInt64((ImageSize - RangeBytes) / 512) * 512;
            requests[i] = LoopbackClient.Get($"/v2/images/{imageId}/file", "p-admin", "admin", $"Range: bytes={first}-{first + RangeBytes - 1}\r\n");
        }

        client = new LoopbackClient(gateway.Address);
    }

    [GlobalCleanup]
    public void Close() => client.Dispose();

    /// <summary>Finding the image, its rules and its file, without HTTP and bytes.</summary>
    [Benchmark(OperationsPerInvoke = Requests)]
    public async Task OpenAlone()
    {
        for (var i = 0; i < Requests; i++)
        {
            await using var data = await gateway.Images.Downloads.OpenAsync(BenchGateway.Admin, imageId, CancellationToken.None);
        }
    }

    /// <summary>The image's record alone.</summary>
    [Benchmark(OperationsPerInvoke = Requests)]
    public async Task FindAlone()
    {
        for (var i = 0; i < Requests; i++)
        {
            _ = await gateway.Registry.FindImageAsync(imageId, CancellationToken.None);
        }
    }

    [Benchmark(OperationsPerInvoke = Requests), Moves(RangeBytes)]
    public long Http()
    {
        long total = 0;
        foreach (var request in requests)
        {
            total += client.Fetch(request);
        }

        return total;
    }
}
