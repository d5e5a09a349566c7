namespace GlanceGateway.Blocks;

/// <summary>Numbers of a cache since it was opened; fields, so that many threads can add to them.</summary>
internal sealed class CacheCounters
{
    public long HitBytes;
    public long FetchedBytes;
    public long DirectBytes;
    public long Requests;
    public long Coalesced;
    public long EvictedBytes;
    public long CorruptBlocks;
    public long HashFailures;
    public long StoreFailures;
}
