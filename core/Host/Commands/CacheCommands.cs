using System.Globalization;
using GlanceGateway.Blocks;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Serving;
using GlanceGateway.Images;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Host.Commands;

/// <summary><c>cache …</c>: looks after the block cache while no gateway serves from it; one that does is asked through its API
/// (<c>glance cache-list</c>, <c>cache-queue</c>, <c>cache-delete</c>).</summary>
internal sealed class CacheCommands(CommandTerminal terminal, TimeProvider time)
{
    /// <summary><c>cache status</c>.</summary>
    public Task<int> StatusAsync(GatewayConfiguration configuration, bool json) => WithAsync(configuration, cache =>
    {
        Write(cache, json);
        return Task.FromResult(ExitCodes.Success);
    });

    /// <summary><c>cache pin</c> and <c>cache unpin</c>.</summary>
    public Task<int> PinAsync(GatewayConfiguration configuration, string image, bool pinned) =>
        WithAsync(configuration, cache => Task.FromResult(Each(image, id => cache.Pin(id, pinned)) ? ExitCodes.Success : Absent(image)));

    /// <summary><c>cache evict</c>.</summary>
    public Task<int> EvictAsync(GatewayConfiguration configuration, string image) =>
        WithAsync(configuration, cache => Task.FromResult(Each(image, cache.Evict) ? ExitCodes.Success : Absent(image)));

    /// <summary><c>cache verify</c>: one image, or all.</summary>
    public Task<int> VerifyAsync(GatewayConfiguration configuration, string? image, CancellationToken cancellationToken) => WithAsync(configuration, async cache =>
    {
        if (image is not null && !Each(image, id => cache.Find(id) is not null))
        {
            return Absent(image);
        }

        var wrong = 0L;
        foreach (var id in image is null ? cache.List().Select(o => o.Id) : [image, CachedDisks.IdOf(image)])
        {
            if (await cache.VerifyAsync(id, cancellationToken) is { } result)
            {
                wrong += result.CorruptBlocks;
                terminal.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{id}: {result.Blocks} blocks, {result.CorruptBlocks} wrong and forgotten{(result.IsVerified ? ", complete and verified" : "")}"));
            }
        }

        return wrong == 0 ? ExitCodes.Success : ExitCodes.Failure;
    });

    /// <summary>Does something to what the cache holds of an image: its data, and the disk inside if it was written out.</summary>
    /// <returns>Whether it held either.</returns>
    private static bool Each(string image, Func<string, bool> work) => work(image) | work(CachedDisks.IdOf(image));

    private async Task<int> WithAsync(GatewayConfiguration configuration, Func<BlockCache, Task<int>> work)
    {
        if (configuration.Cache is not { } wanted)
        {
            terminal.WriteError("no cache is configured; give the configuration a key 'cache', such as 'cache: { max_size: 10GiB }'");
            return ExitCodes.Failure;
        }

        try
        {
            await using var cache = BlockCache.Open(GatewayCaches.OptionsOf(wanted), time, NullLogger.Instance);
            return await work(cache);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            terminal.WriteError($"{fault.Message} A gateway that serves is asked through its API: glance cache-list, cache-queue, cache-delete.");
            return ExitCodes.Failure;
        }
    }

    private int Absent(string image)
    {
        terminal.WriteError($"the cache does not hold image {image}; 'glance-gateway cache status' lists what it holds");
        return ExitCodes.Failure;
    }

    private void Write(BlockCache cache, bool json)
    {
        var images = cache.List();
        if (json)
        {
            var rows = images.Select(o => new CachedImageResult(o.Id, o.Length, o.CachedBytes, o.StoredBytes, o.IsComplete, o.IsVerified, o.IsPinned, o.Hits, o.LastAccessed));
            terminal.WriteJson(new CacheResult(cache.Options.Directory, cache.Status.StoredBytes, cache.Options.MaxBytes, [.. rows]), CommandJson.Readable.CacheResult);
            return;
        }

        terminal.WriteTable(
            ["image", "bytes", "cached", "on disk", "state", "hits", "last used"],
            images.Select(o => (IReadOnlyList<string>)
            [
                o.Id,
                o.Length.ToString(CultureInfo.InvariantCulture),
                o.CachedBytes.ToString(CultureInfo.InvariantCulture),
                o.StoredBytes.ToString(CultureInfo.InvariantCulture),
                $"{(o.IsVerified ? "verified" : o.IsComplete ? "complete" : "partial")}{(o.IsPinned ? ", pinned" : "")}",
                o.Hits.ToString(CultureInfo.InvariantCulture),
                o.LastAccessed.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
            ]));
    }
}
