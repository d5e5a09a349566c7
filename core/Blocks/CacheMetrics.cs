using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace GlanceGateway.Blocks;

/// <summary>All metrics of block caches. They are the cache's own counters, looked at when somebody asks, with the directory of the cache as label.</summary>
internal static class CacheMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "GlanceGateway.Blocks";

    private static readonly Meter s_meter = new(MeterName);
    private static readonly ConcurrentDictionary<BlockCache, KeyValuePair<string, object?>> s_caches = new();

    static CacheMetrics()
    {
        Level("glance_gateway.cache.size", "By", "Bytes that the cached objects occupy.", status => status.StoredBytes);
        Level("glance_gateway.cache.limit", "By", "Bytes that they may occupy.", status => status.MaxBytes);
        Level("glance_gateway.cache.objects", "{object}", "Objects of which anything is cached.", status => status.Objects);
        Count("glance_gateway.cache.hit", "By", "Bytes answered from blocks, those just fetched for the reader included; what the kernel reads by itself is not in it.", status => status.HitBytes);
        Count("glance_gateway.cache.fetched", "By", "Bytes that came from sources into blocks.", status => status.FetchedBytes);
        Count("glance_gateway.cache.direct", "By", "Bytes that came from sources past the cache: it had no room or was in trouble.", status => status.DirectBytes);
        Count("glance_gateway.cache.fetches", "{request}", "Ranged requests made to sources for blocks.", status => status.Requests);
        Count("glance_gateway.cache.coalesced", "{read}", "Times a reader waited for a block that another one had asked for.", status => status.Coalesced);
        Count("glance_gateway.cache.evicted", "By", "Bytes given up for room.", status => status.EvictedBytes);
        Count("glance_gateway.cache.corrupt", "{block}", "Blocks that were not what they should be and are fetched again.", status => status.CorruptBlocks);
        Count("glance_gateway.cache.hash_failures", "{object}", "Objects that were whole and not what their hash says.", status => status.HashFailures);
        Count("glance_gateway.cache.store_failures", "{failure}", "Times the disk of the cache refused.", status => status.StoreFailures);
    }

    public static void Add(BlockCache cache) => s_caches[cache] = new("cache", cache.Options.Directory);

    public static void Remove(BlockCache cache) => s_caches.TryRemove(cache, out _);

    private static void Level(string name, string unit, string description, Func<CacheStatus, long> read) =>
        s_meter.CreateObservableGauge(name, () => Observe(read), unit, description);

    private static void Count(string name, string unit, string description, Func<CacheStatus, long> read) =>
        s_meter.CreateObservableCounter(name, () => Observe(read), unit, description);

    private static IEnumerable<Measurement<long>> Observe(Func<CacheStatus, long> read) => s_caches.Select(pair => new Measurement<long>(read(pair.Key.Status), pair.Value));
}
