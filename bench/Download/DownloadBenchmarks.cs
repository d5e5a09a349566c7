using BenchmarkDotNet.Attributes;

namespace GlanceGateway.Bench;

/// <summary>An image of 256 MiB from the page cache over HTTP on one kept loopback connection. The baseline copies the same file to a socket
/// without a server.</summary>
public class DownloadBenchmarks
{
    private const int Size = 256 << 20;
    private static readonly byte[] Ask = [1];

    private LoopbackClient http = null!;
    private LoopbackClient copy = null!;
    private FilePump pump = null!;
    private byte[] request = null!;

    [GlobalSetup]
    public async Task PrepareAsync()
    {
        var gateway = await SharedGateway.GetAsync();
        var image = await gateway.StoredAsync(Size);
        request = LoopbackClient.Get($"/v2/images/{image.Id}/file", "p-admin", "admin");
        http = new LoopbackClient(gateway.Address);
        pump = new FilePump(gateway.FileOf(image));
        copy = new LoopbackClient(pump.Address);
    }

    [GlobalCleanup]
    public void Close()
    {
        http.Dispose();
        copy.Dispose();
        pump.Dispose();
    }

    [Benchmark(Baseline = true), Moves(Size)]
    public void FileToSocket()
    {
        copy.Send(Ask);
        copy.Drain(Size);
    }

    [Benchmark, Moves(Size)]
    public long Http() => http.Fetch(request);
}
