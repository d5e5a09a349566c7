using GlanceGateway.Abstractions;

namespace GlanceGateway.View;

/// <summary>On an <see cref="IImageSource"/>: the bytes of a deleted image stay for a while, for those who have it open in a mount that changes its process meanwhile.</summary>
public interface IDeletedImages
{
    /// <summary>Images that are deleted and can still be read. Whoever may see them is not asked: only nodes that an earlier process gave out lead there.</summary>
    ValueTask<IReadOnlyList<MountedImage>> ListDeletedAsync(CancellationToken cancellationToken);

    /// <summary>Opens the bytes of such an image. The caller disposes the source.</summary>
    /// <returns>Null when it is not deleted, or its time is over.</returns>
    /// <exception cref="StoreException">The data cannot be reached.</exception>
    ValueTask<IByteSource?> OpenDeletedAsync(string imageId, CancellationToken cancellationToken);
}
