namespace GlanceGateway.Images;

/// <summary>An image whose data the cache holds completely.</summary>
/// <param name="ImageId">The image.</param>
/// <param name="Hits">How often its data was opened from the cache.</param>
/// <param name="LastAccessed">When it was opened last.</param>
/// <param name="LastModified">When its data came.</param>
/// <param name="Size">Bytes of the data.</param>
public sealed record CachedImage(string ImageId, long Hits, DateTimeOffset LastAccessed, DateTimeOffset LastModified, long Size);

/// <summary>What the cache holds and what it is to fetch.</summary>
/// <param name="Cached">Images whose data is here completely.</param>
/// <param name="Queued">Ids of images whose data is still to be fetched, the one being fetched too.</param>
public sealed record CachedImages(IReadOnlyList<CachedImage> Cached, IReadOnlyList<string> Queued);

/// <summary>What to clear.</summary>
[Flags]
public enum CacheParts
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The data that is here.</summary>
    Cached = 1,

    /// <summary>What is still to be fetched.</summary>
    Queued = 2,

    /// <summary>Both.</summary>
    All = Cached | Queued,
}
