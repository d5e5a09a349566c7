using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.Host.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Host.Tests.Commands;

/// <summary><c>cache …</c> over a directory that no gateway serves from.</summary>
public sealed class CacheCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Home => Path.Join(_directory.Path, "cache");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task An_image_is_shown_pinned_verified_and_evicted()
    {
        await using (var cache = Open())
            Assert.True(await cache.WarmAsync(new BlockKey("image-1"), new Zeros(100_000), 100_000, TestContext.Current.CancellationToken));

        Assert.Equal(0, (await RunAsync("pin", "image-1")).ExitCode);
        var status = await RunAsync("status", "--json");
        var image = JsonElement.Parse(status.Output).GetProperty("images").EnumerateArray().Single();
        Assert.Equal(("image-1", 100_000, true, true, false), (
            image.GetProperty("image").GetString(), image.GetProperty("cached_bytes").GetInt64(), image.GetProperty("complete").GetBoolean(),
            image.GetProperty("pinned").GetBoolean(), image.GetProperty("verified").GetBoolean()));
        Assert.Contains("image-1: 1 blocks, 0 wrong", (await RunAsync("verify")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("evict", "image-1")).ExitCode);
        var absent = await RunAsync("evict", "image-1");
        Assert.Equal(1, absent.ExitCode);
        Assert.Contains("does not hold image image-1", absent.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_in_use_is_left_alone()
    {
        await using var cache = Open();
        var refused = await RunAsync("status");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("belongs to another process", refused.Error, StringComparison.Ordinal);
        Assert.Contains("glance cache-list", refused.Error, StringComparison.Ordinal);
    }

    private BlockCache Open() => BlockCache.Open(new BlockCacheOptions { Directory = Home, MinFreeBytes = 0 }, TimeProvider.System, NullLogger.Instance);

    private Task<BuiltGateway.Outcome> RunAsync(string command, params string[] arguments)
    {
        var file = Path.Join(_directory.Path, "gateway.yaml");
        File.WriteAllText(file, $"data: {_directory.Path}\ncache: {{ min_free: 0 }}\n");
        return BuiltGateway.RunAsync(_directory.Path, ["cache", command, .. arguments, "--config", file]);
    }

    private sealed class Zeros(int length) : IByteSource
    {
        public long? Length => length;

        public string? Validator => null;

        public ByteSourceHints Hints { get; } = new(1 << 20, 1, Ranges: true);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<Stream> OpenRangeAsync(long offset, long? count, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Stream>(new MemoryStream(new byte[count ?? length]));

        public ValueTask DisposeAsync() => default;
    }
}
