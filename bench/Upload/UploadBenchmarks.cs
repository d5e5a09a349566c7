using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Bench;

/// <summary>An image of 64 MiB through the rules and the pipeline into a store: begin, hash, write, commit, register; and the same
/// over HTTP. The baseline is MD5 and
/// SHA-512 of the same bytes on one thread, which no upload can do without.</summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByParams)]
public class UploadBenchmarks
{
    private const int Size = 64 << 20;

    private BenchGateway gateway = null!;
    private byte[] data = null!;
    private SegmentedBody body = null!;
    private Image image = null!;
    private LoopbackClient client = null!;

    /// <summary>What the image holds.</summary>
    [Params("random", "zeros")]
    public string Content { get; set; } = "";

    [GlobalSetup]
    public async Task PrepareAsync()
    {
        gateway = await SharedGateway.GetAsync();
        data = Content == "zeros" ? ImageBytes.Zeros(Size) : ImageBytes.Random(Size);
        body = new SegmentedBody(data);
        client = new LoopbackClient(gateway.Address);
    }

    [GlobalCleanup]
    public void Close() => client.Dispose();

    [IterationSetup(Targets = [nameof(FileSystem), nameof(Memory), nameof(FileSystemOverHttp)])]
    public void Create() => image = gateway.CreateAsync().GetAwaiter().GetResult();

    [IterationCleanup(Targets = [nameof(FileSystem), nameof(Memory), nameof(FileSystemOverHttp)])]
    public void Delete() => gateway.Images.Catalog.DeleteAsync(BenchGateway.Admin, image.Id, CancellationToken.None).GetAwaiter().GetResult();

    [Benchmark(Baseline = true), Moves(Size)]
    public void HashesAlone()
    {
        Span<byte> digest = stackalloc byte[SHA512.HashSizeInBytes];
        SHA512.HashData(data, digest);
#pragma warning disable CA5351 // The Images API's checksum is MD5.
        MD5.HashData(data, digest);
#pragma warning restore CA5351
    }

    [Benchmark, Moves(Size)]
    public Task FileSystem() => UploadAsync("disk");

    [Benchmark, Moves(Size)]
    public Task Memory() => UploadAsync("memory");

    [Benchmark, Moves(Size)]
    public long FileSystemOverHttp() => client.Fetch(LoopbackClient.Put($"/v2/images/{image.Id}/file", Size), data);

    private Task UploadAsync(string store) =>
        gateway.Images.Uploads.UploadAsync(BenchGateway.Admin, image.Id, new UploadRequest(body.Rewound(), Size, store), CancellationToken.None);
}
