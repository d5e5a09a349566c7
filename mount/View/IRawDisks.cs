using GlanceGateway.Abstractions;

namespace GlanceGateway.View;

/// <summary>On an <see cref="IImageSource"/>: it may have written out the disk inside an image as a raw file, which is read instead of the view.</summary>
public interface IRawDisks
{
    /// <summary>Opens the disk that was written out. The caller disposes the source.</summary>
    /// <param name="imageId">The image.</param>
    /// <param name="rawSize">Bytes of the disk.</param>
    /// <param name="cancellationToken">Ends the opening.</param>
    /// <returns>Null when there is none, or the image is gone or forbidden by now: then the image itself is asked for.</returns>
    /// <exception cref="StoreException">The data cannot be reached.</exception>
    ValueTask<IByteSource?> OpenRawAsync(string imageId, long rawSize, CancellationToken cancellationToken);
}
