using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

/// <summary>The images of the gateway in this process, as one identity sees them.</summary>
internal sealed class LocalImageSource(ImageServices images, Caller caller) : IImageSource, IDeletedImages
{
    private const int PageSize = 1000;

    /// <inheritdoc/>
    public async IAsyncEnumerable<CatalogueUpdate> FollowAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // The position is taken first: a change during the listing is seen twice rather than never.
        var position = await images.Changes.PositionAsync(cancellationToken);
        yield return new CatalogueUpdate(IsSnapshot: true, await ListAllAsync(cancellationToken), Gone: []);
        await foreach (var batch in images.Changes.FollowAsync(caller, position, cancellationToken))
        {
            yield return new CatalogueUpdate(
                IsSnapshot: false,
                [.. batch.Where(c => IsShown(c.Image)).Select(c => Mounted(c.Image!))],
                [.. batch.Where(c => !IsShown(c.Image)).Select(c => c.ImageId)]);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IByteSource?> OpenAsync(string imageId, CancellationToken cancellationToken)
    {
        try
        {
            return (await images.Downloads.OpenMountedAsync(caller, imageId, cancellationToken))?.Source;
        }
        catch (ImageException refusal) when (refusal.Error is ImageError.NotFound or ImageError.Forbidden)
        {
            return null;
        }
        catch (ImageException refusal)
        {
            throw new StoreException(StoreError.Unavailable, refusal.Message, imageId, refusal);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<MountedImage>> ListDeletedAsync(CancellationToken cancellationToken) =>
        [.. (await images.Downloads.ListDeletedMountedAsync(cancellationToken)).Where(image => image.Size > 0).Select(Mounted)];

    /// <inheritdoc/>
    public async ValueTask<IByteSource?> OpenDeletedAsync(string imageId, CancellationToken cancellationToken)
    {
        try
        {
            return (await images.Downloads.OpenDeletedMountedAsync(imageId, cancellationToken))?.Source;
        }
        catch (ImageException refusal)
        {
            throw new StoreException(StoreError.Unavailable, refusal.Message, imageId, refusal);
        }
    }

    /// <summary>How an image's data is had, for those who look after the cache.</summary>
    public async ValueTask<CachedData?> LocateAsync(string imageId, CancellationToken cancellationToken) =>
        await images.Downloads.LocateMountedAsync(caller, imageId, cancellationToken) is { } stored
            ? new CachedData(stored.Key, stored.Size, stored.Image.ContainerFormat is null or "bare" ? stored.Image.DiskFormat : null, async token =>
            {
                try
                {
                    return await stored.OpenAsync(token);
                }
                catch (ImageException refusal)
                {
                    throw new StoreException(StoreError.Unavailable, refusal.Message, imageId, refusal);
                }
            })
            : null;

    /// <summary>Every image that has a file.</summary>
    public async ValueTask<IReadOnlyList<MountedImage>> ListAsync(CancellationToken cancellationToken) => await ListAllAsync(cancellationToken);

    /// <summary>Only whole images have a file: others would change under the reader.</summary>
    private static bool IsShown(Image? image) => image is { Status: ImageStatus.Active, Size: > 0 };

    private static MountedImage Mounted(Image image)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["min_disk"] = image.MinDisk.ToString(),
            ["min_ram"] = image.MinRam.ToString(),
            ["visibility"] = WireNames.Of(image.Visibility),
        };
        (string Name, string? Value)[] optional =
        [
            ("name", image.Name), ("owner", image.Owner), ("checksum", image.Checksum), ("os_hash_algo", image.HashAlgorithm),
            ("os_hash_value", image.HashValue), ("disk_format", image.DiskFormat), ("container_format", image.ContainerFormat),
        ];
        foreach (var (name, value) in optional)
        {
            if (value is not null)
            {
                attributes[name] = value;
            }
        }

        return new MountedImage
        {
            Id = image.Id,
            Name = image.Name,
            Owner = image.Owner,
            Size = image.Size!.Value,
            UpdatedAt = image.UpdatedAt,
            Tags = image.Tags,
            DiskFormat = image.DiskFormat,
            Attributes = attributes,
        };
    }

    private async Task<IReadOnlyList<MountedImage>> ListAllAsync(CancellationToken cancellationToken)
    {
        var shown = new Dictionary<string, MountedImage>(StringComparer.Ordinal);
        var query = ImageChanges.Everything(caller) with { Limit = PageSize };
        while (true)
        {
            IReadOnlyList<Image> page;
            try
            {
                page = await images.Catalog.ListAsync(caller, query, cancellationToken);
            }
            catch (ImageException refusal) when (refusal.Error == ImageError.Invalid && query.Marker is not null)
            {
                // The marker was deleted between two pages. What is listed already stays; the change feed takes back what is gone.
                query = query with { Marker = null };
                continue;
            }

            foreach (var image in page.Where(IsShown))
            {
                shown[image.Id] = Mounted(image);
            }

            if (page.Count < PageSize)
            {
                return [.. shown.Values];
            }

            query = query with { Marker = page[^1].Id };
        }
    }
}
