using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>An image's data, opened. The caller disposes it.</summary>
/// <param name="Image">The image as it was when its data was opened.</param>
/// <param name="Source">The bytes, from the first location that could be opened.</param>
public sealed record ImageData(Image Image, IByteSource Source) : IAsyncDisposable
{
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Source.DisposeAsync();
}

/// <summary>How an image's data is had.</summary>
/// <param name="Image">The image.</param>
/// <param name="Key">What its data is to a cache.</param>
/// <param name="Size">Bytes.</param>
/// <param name="OpenAsync">Opens it in the first store that has it. The caller disposes the source. Throws <see cref="ImageException"/> or
/// <see cref="StoreException"/>.</param>
public sealed record StoredData(Image Image, BlockKey Key, long Size, Func<CancellationToken, ValueTask<IByteSource>> OpenAsync);

/// <summary>Opens the data of images.</summary>
public sealed class ImageDownloads
{
    private readonly ImageRegistry registry;
    private readonly ImageAccess access;
    private readonly PolicyRules policy;
    private readonly StoreSet stores;
    private readonly StorePlaces places;
    private readonly ImageCaches caches;
    private readonly MountReaders mountReaders;
    private readonly ILogger log;

    internal ImageDownloads(
        ImageRegistry registry, ImageAccess access, PolicyRules policy, StoreSet stores, StorePlaces places, ImageCaches caches, MountReaders mountReaders, ILogger<ImageDownloads> log)
    {
        this.registry = registry;
        this.access = access;
        this.policy = policy;
        this.stores = stores;
        this.places = places;
        this.caches = caches;
        this.mountReaders = mountReaders;
        this.log = log;
    }

    /// <summary>Opens the data of an image.</summary>
    /// <returns>Null when it has none, because nothing was uploaded yet.</returns>
    /// <exception cref="ImageException">The caller may not read it, or no store that should have it gives it: they fail, have lost it, or only another
    /// gateway sees it.</exception>
    public async Task<ImageData?> OpenAsync(Caller caller, string imageId, CancellationToken cancellationToken)
    {
        var (image, isMember) = await access.FindAsync(caller, imageId, cancellationToken);
        policy.Require(caller, PolicyAction.DownloadImage, image, isMember);
        return await OpenAsync(caller, image, cancellationToken);
    }

    /// <summary>
    /// Opens the data of an image for the mount: whoever may see the image there may read it, because the operator who mounts it decides
    /// by file permissions who that is. While it is open, deleting the image leaves the data for <see cref="ImageOptions.MountDeleteGrace"/>. What the mount's identity may not see stays closed, and so does a deactivated image, except to administrators.
    /// </summary>
    /// <returns>Null when it has none.</returns>
    /// <exception cref="ImageException">The identity may not see it, or every store that should have it fails.</exception>
    public async Task<ImageData?> OpenMountedAsync(Caller caller, string imageId, CancellationToken cancellationToken)
    {
        var data = await OpenAsync(caller, (await access.FindAsync(caller, imageId, cancellationToken)).Image, cancellationToken);
        return data is null ? null : data with { Source = mountReaders.Count(imageId, data.Source) };
    }

    /// <summary>Images that are deleted and whose data is still left to those who have it open in a mount.</summary>
    public Task<IReadOnlyList<Image>> ListDeletedMountedAsync(CancellationToken cancellationToken) => registry.ListDeletedWithDataAsync(cancellationToken);

    /// <summary>
    /// Opens the data of such an image, past every rule: for a file that was open in a mount when its image was deleted and that this process took over, so
    /// that its reader's rights were looked at long ago.
    /// </summary>
    /// <returns>Null when there is no such image, or no longer.</returns>
    /// <exception cref="ImageException">Every store that should have it fails.</exception>
    public async Task<ImageData?> OpenDeletedMountedAsync(string imageId, CancellationToken cancellationToken)
    {
        var image = (await ListDeletedMountedAsync(cancellationToken)).FirstOrDefault(image => image.Id == imageId);
        var data = image is null ? null : await OpenAsync(Caller.Gateway, image, cancellationToken);
        return data is null ? null : data with { Source = mountReaders.Count(imageId, data.Source) };
    }

    /// <summary>The cache between the stores and the readers of a mount; null for none.</summary>
    public BlockCache? Cache => caches.Kept;

    /// <summary>Finds out how the data of an image is had past the cache, with the rights of <see cref="OpenMountedAsync"/>.</summary>
    /// <returns>Null when it has none, or the identity may not see it.</returns>
    public async Task<StoredData?> LocateMountedAsync(Caller caller, string imageId, CancellationToken cancellationToken)
    {
        try
        {
            var (image, _) = await access.FindAsync(caller, imageId, cancellationToken);
            return image is { Status: ImageStatus.Active, Size: { } size }
                ? new StoredData(image, ImageCaches.KeyOf(image), size, async token => await OpenStoredAsync(image, token) ?? throw NoData())
                : null;
        }
        catch (ImageException refusal) when (refusal.Error is ImageError.NotFound or ImageError.Forbidden)
        {
            return null;
        }
    }

    /// <summary>Opens the data of an image that was found for the caller.</summary>
    internal async Task<ImageData?> OpenAsync(Caller caller, Image image, CancellationToken cancellationToken)
    {
        if (image.Status == ImageStatus.Deactivated && !caller.IsAdmin)
        {
            throw new ImageException(ImageError.Forbidden, "The requested image has been deactivated. Image data download is forbidden.");
        }

        if (caches.TryOpen(image, async token => await OpenStoredAsync(image, token) ?? throw NoData()) is { } cached)
        {
            return new ImageData(image, cached);
        }

        return await OpenStoredAsync(image, cancellationToken) is { } stored ? new ImageData(image, caches.Wrap(image, stored)) : null;
    }

    /// <summary>Opens the data in the first store that has it, past the cache and past every rule.</summary>
    /// <returns>Null when the image has no data.</returns>
    /// <exception cref="ImageException"><see cref="ImageError.Unavailable"/> when a store fails that should have it, or only another gateway sees it;
    /// <see cref="ImageError.NotFound"/> when every store that should have it has lost it.</exception>
    internal async Task<IByteSource?> OpenStoredAsync(Image image, CancellationToken cancellationToken)
    {
        var failed = false;
        string? elsewhere = null;
        foreach (var location in image.Locations.OrderByDescending(l => stores.TryGet(l.Store, out var store) ? store.Weight : int.MinValue))
        {
            try
            {
                if (await OpenAsync(image, location, cancellationToken) is { } data)
                {
                    return data;
                }

                elsewhere ??= await ElsewhereAsync(location, cancellationToken);
            }
            catch (StoreException failure)
            {
                failed = true;
                ImageLog.LocationFailed(log, image.Id, location.Store, failure.Message);

                // A location that is not the store's is that of a gateway which has the store under another path.
                if (failure.Error == StoreError.InvalidLocation || !stores.TryGet(location.Store, out _))
                {
                    elsewhere ??= await ElsewhereAsync(location, cancellationToken);
                }
            }
        }

        if (elsewhere is not null)
        {
            throw new ImageException(ImageError.Unavailable, $"The data of image {image.Id} cannot be read at this gateway: it lies at {elsewhere}.");
        }

        if (failed)
        {
            throw new ImageException(ImageError.Unavailable, $"The data of image {image.Id} cannot be read for now.");
        }

        return image.Locations.Count == 0
            ? null
            : throw new ImageException(ImageError.NotFound, $"The data of image {image.Id} is gone: no store that should have it has it any more.");
    }

    private static StoreException NoData() => new(StoreError.Unavailable, "No store has the data any more.");

    /// <summary>Who sees what this gateway does not, in words; null for nobody.</summary>
    private async Task<string?> ElsewhereAsync(ImageLocation location, CancellationToken cancellationToken) =>
        await places.NodesWithAsync(location.Store, location.Place, cancellationToken) is { Count: > 0 } nodes
            ? $"{StorePlaces.InWords(nodes)}, in a store '{location.Store}' that this gateway does not see"
            : null;

    private async Task<IByteSource?> OpenAsync(Image image, ImageLocation location, CancellationToken cancellationToken)
    {
        if (!stores.TryGetDriver(location.Store, out var driver))
        {
            throw new StoreException(StoreError.Unavailable, $"The store '{location.Store}' is not available.");
        }

        var opened = await driver.OpenAsync(location.Url, cancellationToken);
        if (!opened.IsOk)
        {
            ImageLog.LocationFailed(log, image.Id, location.Store, opened.Outcome.ToString());
            return opened.Outcome == StoreOutcome.Absent
                ? null
                : throw new StoreException(StoreError.Unavailable, $"The store answered {opened.Outcome}.", location.Url);
        }

        if (opened.Value.Length is { } length && length != image.Size)
        {
            await opened.Value.DisposeAsync();
            throw new StoreException(StoreError.Corrupt, $"The object has {length} bytes, the registry says {image.Size}.", location.Url);
        }

        return opened.Value;
    }
}
