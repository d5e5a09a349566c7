using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.Formats.Raw;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Mounting;

/// <summary>The disk inside an image, written out as an object of its own in the image's cache.</summary>
internal static class WrittenDisk
{
    /// <summary>The object's name in the cache.</summary>
    public static string IdOf(string imageId) => CachedDisks.IdOf(imageId);

    /// <summary>The image behind an object of the cache, and whether the object is a written disk.</summary>
    public static (string ImageId, bool IsDisk) ImageOf(string objectId) => CachedDisks.ImageOf(objectId);

    /// <summary>What the disk is: it follows from the image's bytes, and from how they are understood.</summary>
    public static BlockKey KeyOf(CachedData data) => new(
        IdOf(data.Key.Id), Generation: $"{data.Key.HashAlgorithm}:{data.Key.HashValue}/{data.Key.Generation}/{data.Length}/{data.DiskFormat}/{RawView.Version}");

    /// <summary>Opens the disk if all of it was written out and proven.</summary>
    public static bool TryOpen(BlockCache cache, CachedData data, long size, [NotNullWhen(true)] out IByteSource? opened)
    {
        opened = null;
        return cache.Find(IdOf(data.Key.Id)) is { IsVerified: true } && cache.TryOpen(KeyOf(data), size, token => OpenViewAsync(cache, data, token), out opened);
    }

    /// <summary>Opens the view that the disk is written from.</summary>
    /// <exception cref="StoreException">The image cannot be read, or is no such disk.</exception>
    public static async ValueTask<IByteSource> OpenViewAsync(BlockCache cache, CachedData data, CancellationToken cancellationToken)
    {
        if (!cache.TryOpen(data.Key, data.Length, data.OpenAsync, out var image))
        {
            image = await data.OpenAsync(cancellationToken);
            if (image is not ILocalFile)
                image = cache.Wrap(data.Key, image, data.Length);
        }

        try
        {
            return await RawView.OpenAsync(image, data.DiskFormat ?? "", cancellationToken);
        }
        catch (RawViewException refused)
        {
            await image.DisposeAsync();
            throw new StoreException(StoreError.Corrupt, refused.Message, data.Key.Id, refused);
        }
        catch
        {
            await image.DisposeAsync();
            throw;
        }
    }
}
