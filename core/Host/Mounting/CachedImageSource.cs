using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

/// <summary>The images of the gateway in this process with its cache, which is seen and steered through the mount.</summary>
internal sealed class CachedImageSource(LocalImageSource images, BlockCache cache) : IImageSource, IDeletedImages, IRawDisks, ISourceStatus, ISteeredSource
{
    /// <inheritdoc/>
    public BlockCache Cache => cache;

    /// <summary>Where this process can be told what to do with its cache; shown on the page <c>.status</c>.</summary>
    public string? Control { get; set; }

    /// <inheritdoc/>
    public IAsyncEnumerable<CatalogueUpdate> FollowAsync(CancellationToken cancellationToken) => images.FollowAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IByteSource?> OpenAsync(string imageId, CancellationToken cancellationToken) => images.OpenAsync(imageId, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<MountedImage>> ListDeletedAsync(CancellationToken cancellationToken) => images.ListDeletedAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IByteSource?> OpenDeletedAsync(string imageId, CancellationToken cancellationToken) => images.OpenDeletedAsync(imageId, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IByteSource?> OpenRawAsync(string imageId, long rawSize, CancellationToken cancellationToken) =>
        cache.Find(WrittenDisk.IdOf(imageId)) is not null && await LocateAsync(imageId, cancellationToken) is { } data && WrittenDisk.TryOpen(cache, data, rawSize, out var disk)
            ? disk
            : null;

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<MountedImage>> ListAsync(CancellationToken cancellationToken) => images.ListAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask<CachedData?> LocateAsync(string imageId, CancellationToken cancellationToken) => images.LocateAsync(imageId, cancellationToken);

    /// <inheritdoc/>
    public void WriteStatus(Utf8JsonWriter json)
    {
        json.WriteString("control", Control);
        CacheStatusText.Write(json, cache);
    }
}
