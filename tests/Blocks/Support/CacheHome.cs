using GlanceGateway.Abstractions;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Blocks.Tests;

/// <summary>A cache of a test's own.</summary>
internal sealed class CacheHome : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly Func<BlockCacheOptions, BlockCacheOptions> _set;

    public CacheHome(Func<BlockCacheOptions, BlockCacheOptions>? set = null)
    {
        _set = set ?? (options => options);
        Cache = Open(_directory.Path, _set);
    }

    public BlockCache Cache { get; private set; }

    public string Directory => _directory.Path;

    public static BlockCache Open(string directory, Func<BlockCacheOptions, BlockCacheOptions>? set = null)
    {
        var options = new BlockCacheOptions
        {
            Directory = directory, BlockBytes = 256 << 10, MinFreeBytes = 0, RetryDelay = TimeSpan.FromMilliseconds(1), TroublePause = TimeSpan.FromMilliseconds(50),
        };
        return BlockCache.Open(set is null ? options : set(options), TimeProvider.System, NullLogger.Instance);
    }

    /// <summary>Ends this cache and opens its directory again, as after a restart.</summary>
    public async Task ReopenAsync()
    {
        await Cache.DisposeAsync();
        Cache = Open(_directory.Path, _set);
    }

    /// <summary>The one file of a name in the cache.</summary>
    public string FileNamed(string name) => System.IO.Directory.GetFiles(_directory.Path, name, SearchOption.AllDirectories).Single();

    public static async Task<byte[]> ReadAllAsync(IByteSource source, CancellationToken token)
    {
        var bytes = new byte[source.Length!.Value];
        Assert.Equal(bytes.Length, await source.ReadAsync(0, bytes, token));
        return bytes;
    }

    public static async Task<byte[]> StreamAllAsync(IByteSource source, CancellationToken token)
    {
        await using var stream = await source.OpenRangeAsync(0, null, token);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, token);
        return all.ToArray();
    }

    /// <summary>Waits until something holds, for as long as a loaded machine may take.</summary>
    public static async Task UntilAsync(Func<bool> condition, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!condition())
            await Task.Delay(10, limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await Cache.DisposeAsync();
        _directory.Dispose();
    }
}
