namespace GlanceGateway.Blocks;

/// <summary>A cached object as it is now.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Length">Bytes of the object.</param>
/// <param name="CachedBytes">Bytes of it that the cache can answer, holes included.</param>
/// <param name="StoredBytes">Bytes that it occupies on the disk.</param>
/// <param name="IsComplete">Whether every block is there.</param>
/// <param name="IsVerified">Whether the whole is proven by its hash and handed out as a local file.</param>
/// <param name="IsPinned">Whether it is never evicted for room.</param>
/// <param name="Readers">How many have it open.</param>
/// <param name="Hits">How often it was opened while complete.</param>
/// <param name="LastAccessed">When it was opened last.</param>
/// <param name="LastModified">When a block was stored last.</param>
public sealed record CachedObjectStatus(
    string Id, long Length, long CachedBytes, long StoredBytes, bool IsComplete, bool IsVerified, bool IsPinned, int Readers, long Hits,
    DateTimeOffset LastAccessed, DateTimeOffset LastModified);

/// <summary>The cache as a whole since it was opened.</summary>
/// <param name="Objects">How many there are.</param>
/// <param name="StoredBytes">Bytes that they occupy.</param>
/// <param name="MaxBytes">Bytes that they may occupy.</param>
/// <param name="HitBytes">Bytes answered from blocks, those just fetched for the reader included.</param>
/// <param name="FetchedBytes">Bytes that came from sources into blocks.</param>
/// <param name="DirectBytes">Bytes that came from sources past the cache, because it had no room or was in trouble.</param>
/// <param name="Requests">Ranged requests made to sources for blocks.</param>
/// <param name="Coalesced">Times a reader waited for a block that another one had already asked for.</param>
/// <param name="EvictedBytes">Bytes given up for room.</param>
/// <param name="CorruptBlocks">Blocks that were not what they should be and are fetched again.</param>
/// <param name="HashFailures">Objects that were whole and not what their hash says.</param>
/// <param name="StoreFailures">Times the disk refused.</param>
public sealed record CacheStatus(
    int Objects, long StoredBytes, long MaxBytes, long HitBytes, long FetchedBytes, long DirectBytes, long Requests, long Coalesced,
    long EvictedBytes, long CorruptBlocks, long HashFailures, long StoreFailures);

/// <summary>What a pass over an object's blocks found.</summary>
/// <param name="Blocks">Blocks that were there.</param>
/// <param name="CorruptBlocks">Of them those that were wrong; they are forgotten and fetched again.</param>
/// <param name="IsVerified">Whether the whole is there and is what its hash says.</param>
public sealed record VerifyResult(long Blocks, long CorruptBlocks, bool IsVerified);

/// <summary>What was given up.</summary>
/// <param name="Objects">How many objects went.</param>
/// <param name="Bytes">What they occupied.</param>
public sealed record PruneResult(int Objects, long Bytes);
