#pragma warning disable MA0025, CA1822
using System.IO.Pipelines;

namespace GlanceGateway.Images;

/// <summary>What comes with an upload.</summary>
/// <param name="Body">The bytes. Read to its end or given up; the caller completes it.</param>
/// <param name="DeclaredSize">Bytes announced (the length of the body, or the size the client named); null when unknown.</param>
/// <param name="StoreId">The store to write to; null for the default.</param>
public sealed record UploadRequest(PipeReader Body, long? DeclaredSize, string? StoreId);

/// <summary>Writes the data of queued images.</summary>
public sealed class ImageUploads
{
    /// <summary>Streams data into a store and makes the image active. Whatever ends it early leaves the image queued and no bytes.</summary>
    /// <param name="caller">Who uploads.</param>
    /// <param name="imageId">A queued image.</param>
    /// <param name="request">The data. Nothing of it is read before every check that needs none of it has passed.</param>
    /// <param name="cancellationToken">The client went away, or the gateway stops.</param>
    public Task UploadAsync(Caller caller, string imageId, UploadRequest request, CancellationToken cancellationToken) => throw new NotImplementedException();
}
