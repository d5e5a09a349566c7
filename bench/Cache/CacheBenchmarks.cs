using System.Security.Cryptography;
using BenchmarkDotNet.Attributes;
using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Bench;

/// <summary>
/// What the block cache costs: 256 MiB into an empty cache from a source in memory, and the same bytes out of a full one, against writing and
/// reading a plain file of that size. Reading out compares every chunk with its checksum; the proven file is read as a file.
/// </summary>
public class CacheBenchmarks
{
    private const int ImageSize = 256 << 20;
    private const int ChunkBytes = 1 << 20;

    private readonly byte[] buffer = new byte[ChunkBytes];
    private readonly byte[] content = ImageBytes.Random(ImageSize);
    private DirectoryInfo directory = null!;
    private BlockCache cache = null!;
    private BlockKey key = null!;
    private IByteSource warm = null!;
    private IByteSource proven = null!;
    private string plain = "";
    private int fills;

    [GlobalSetup]
    public async Task PrepareAsync()
    {
        var parent = Environment.GetEnvironmentVariable("GLANCE_BENCH_DIRECTORY") ?? Path.GetTempPath();
        directory = Directory.CreateDirectory(Path.Combine(parent, $"glance-bench-cache-{Environment.ProcessId}"));
        cache = BlockCache.Open(new BlockCacheOptions { Directory = Path.Combine(directory.FullName, "cache"), MinFreeBytes = 0 }, TimeProvider.System, NullLogger.Instance);
        key = new BlockKey("warm", "sha512", Convert.ToHexStringLower(SHA512.HashData(content)));
        // Without a hash it is never proven, so that it is read with comparison.
        await cache.WarmAsync(new BlockKey("compared"), new MemorySource(content), ImageSize, CancellationToken.None);
        warm = cache.Wrap(new BlockKey("compared"), new MemorySource(content), ImageSize);
        await cache.WarmAsync(key, new MemorySource(content), ImageSize, CancellationToken.None);
        proven = cache.Wrap(key, new MemorySource(content), ImageSize);
        if (proven is not ILocalFile)
            throw new InvalidOperationException("The warm object is not proven.");
        plain = Path.Combine(directory.FullName, "plain");
        await File.WriteAllBytesAsync(plain, content);
    }

    [GlobalCleanup]
    public async Task CloseAsync()
    {
        await warm.DisposeAsync();
        await proven.DisposeAsync();
        await cache.DisposeAsync();
        directory.Delete(recursive: true);
    }

    /// <summary>The least that a fill can be: the bytes written to a file.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("fill"), Moves(ImageSize)]
    public void WriteFile()
    {
        var path = Path.Combine(directory.FullName, "written");
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
        {
            for (long at = 0; at < ImageSize; at += ChunkBytes)
                RandomAccess.Write(file, content.AsSpan((int)at, ChunkBytes), at);
        }

        File.Delete(path);
    }

    /// <summary>Reading a cold object from its front to its end.</summary>
    [Benchmark, BenchmarkCategory("fill"), Moves(ImageSize)]
    public async Task ColdFill()
    {
        var id = $"cold-{fills++}";
        await using (var source = cache.Wrap(new BlockKey(id), new MemorySource(content), ImageSize))
            await ReadAsync(source);
        cache.Evict(id);
    }

    /// <summary>The least that a read can be: the plain file in 1 MiB reads.</summary>
    [Benchmark, BenchmarkCategory("read"), Moves(ImageSize)]
    public void ReadFile()
    {
        using var file = File.OpenHandle(plain);
        for (long at = 0; at < ImageSize; at += ChunkBytes)
            _ = RandomAccess.Read(file, buffer, at);
    }

    /// <summary>From the cache, every chunk compared.</summary>
    [Benchmark, BenchmarkCategory("read"), Moves(ImageSize)]
    public Task WarmRead() => ReadAsync(warm);

    /// <summary>From the proven file.</summary>
    [Benchmark, BenchmarkCategory("read"), Moves(ImageSize)]
    public Task ProvenRead() => ReadAsync(proven);

    /// <summary>Reads of 4 KiB at random places, every chunk of 64 KiB compared for them.</summary>
    [Benchmark(OperationsPerInvoke = 4096), BenchmarkCategory("random"), Moves(4096)]
    public async Task RandomWarmRead()
    {
        var random = new Random(1);
        for (var i = 0; i < 4096; i++)
            await warm.ReadAsync(random.NextInt64(ImageSize / 4096) * 4096, buffer.AsMemory(0, 4096), CancellationToken.None);
    }

    private async Task ReadAsync(IByteSource source)
    {
        for (long at = 0; at < ImageSize; at += ChunkBytes)
            await source.ReadAsync(at, buffer, CancellationToken.None);
    }

    private sealed class MemorySource(byte[] content) : IByteSource
    {
        public long? Length => content.Length;

        public string? Validator => null;

        public ByteSourceHints Hints { get; } = new(1 << 20, 4, Ranges: true);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> target, CancellationToken cancellationToken)
        {
            var count = (int)Math.Clamp(content.Length - offset, 0, target.Length);
            content.AsMemory((int)offset, count).CopyTo(target);
            return ValueTask.FromResult(count);
        }

        public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Stream>(new MemoryStream(content, (int)offset, (int)Math.Min(length ?? content.Length, content.Length - offset), writable: false));

        public ValueTask DisposeAsync() => default;
    }
}
