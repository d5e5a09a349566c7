#pragma warning disable MA0025, CA1822
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>An image's data, opened. The caller disposes it.</summary>
/// <param name="Image">The image as it was when its data was opened.</param>
/// <param name="Source">The bytes, from the first location that could be opened.</param>
public sealed record ImageData(Image Image, IByteSource Source) : IAsyncDisposable
{
    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Source.DisposeAsync();
}

/// <summary>Opens the data of images.</summary>
public sealed class ImageDownloads
{
    /// <summary>Opens the data of an image.</summary>
    /// <returns>Null when it has none: not uploaded yet, or lost in every store.</returns>
    public Task<ImageData?> OpenAsync(Caller caller, string imageId, CancellationToken cancellationToken) => throw new NotImplementedException();
}
