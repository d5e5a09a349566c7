using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

/// <summary>Images whose data a cache holds, for those who look after the cache of a mount.</summary>
internal interface ISteeredSource
{
    /// <summary>Between the images and their readers.</summary>
    BlockCache Cache { get; }

    /// <summary>The images, as they are known now.</summary>
    ValueTask<IReadOnlyList<MountedImage>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Finds out how an image's data is had.</summary>
    /// <returns>Null when the image is gone, or not for this mount's identity.</returns>
    /// <exception cref="StoreException">Nobody knows now.</exception>
    ValueTask<CachedData?> LocateAsync(string imageId, CancellationToken cancellationToken);
}

/// <summary>An image's data, in the cache and behind it.</summary>
/// <param name="Key">What it is to the cache.</param>
/// <param name="Length">Bytes.</param>
/// <param name="DiskFormat">Of the disk that it holds; null when that cannot be shown.</param>
/// <param name="OpenAsync">Opens it past the cache. The caller disposes the source.</param>
internal sealed record CachedData(BlockKey Key, long Length, string? DiskFormat, Func<CancellationToken, ValueTask<IByteSource>> OpenAsync);
