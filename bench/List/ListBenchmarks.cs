using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using GlanceGateway.Registry;

namespace GlanceGateway.Bench;

/// <summary>The default list, 25 images out of 20,000, from the registry and over HTTP.</summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByParams)]
public class ListBenchmarks
{
    private const int Lists = 200;

    private BenchGateway gateway = null!;
    private ImageQuery query = null!;
    private byte[] request = null!;
    private LoopbackClient client = null!;

    /// <summary>Who looks.</summary>
    [Params("admin", "project")]
    public string Viewer { get; set; } = "";

    [GlobalSetup]
    public async Task PrepareAsync()
    {
        gateway = await SharedGateway.GetAsync();
        await gateway.FillOnceAsync();
        var caller = Viewer == "admin" ? BenchGateway.Admin : BenchGateway.Member;
        query = new ImageQuery { Viewer = caller.Viewer };
        request = LoopbackClient.Get("/v2/images", caller.ProjectId!, string.Join(',', caller.Roles));
        client = new LoopbackClient(gateway.Address);
        if ((await gateway.Registry.ListImagesAsync(query, CancellationToken.None)).Count != query.Limit)
        {
            throw new InvalidOperationException("The list is not full.");
        }
    }

    [GlobalCleanup]
    public void Close() => client.Dispose();

    [Benchmark(Baseline = true, OperationsPerInvoke = Lists)]
    public async Task<int> Registry()
    {
        var count = 0;
        for (var i = 0; i < Lists; i++)
        {
            count += (await gateway.Registry.ListImagesAsync(query, CancellationToken.None)).Count;
        }

        return count;
    }

    [Benchmark(OperationsPerInvoke = Lists)]
    public long Http()
    {
        long bytes = 0;
        for (var i = 0; i < Lists; i++)
        {
            bytes += client.Fetch(request);
        }

        return bytes;
    }
}
