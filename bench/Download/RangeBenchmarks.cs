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
    private LoopbackClient client = null!;

    [GlobalSetup]
    public async Task PrepareAsync()
    {
        var gateway = await SharedGateway.GetAsync();
        var image = await gateway.StoredAsync(ImageSize);
        var places = new Random(1);
        for (var i = 0; i < Requests; i++)
        {
            var first = places.NextInt64((ImageSize - RangeBytes) / 512) * 512;
            requests[i] = LoopbackClient.Get($"/v2/images/{image.Id}/file", "p-admin", "admin", $"Range: bytes={first}-{first + RangeBytes - 1}\r\n");
        }

        client = new LoopbackClient(gateway.Address);
    }

    [GlobalCleanup]
    public void Close() => client.Dispose();

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
