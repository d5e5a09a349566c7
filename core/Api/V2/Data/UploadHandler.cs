using System.Globalization;
using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary><c>PUT /v2/images/{image}/file</c>.</summary>
internal sealed class UploadHandler(ImageServices images)
{
    /// <summary>The header in which a client names the size of what it sends.</summary>
    public const string SizeHeader = "x-openstack-image-size";

    /// <summary>Hands the body on unread: a client that waits for <c>100 Continue</c> gets it when the rules have let it pass.</summary>
    public async Task HandleAsync(ApiCall call)
    {
        var request = call.Http.Request;
        var type = MediaType.Of(request.ContentType);
        if (type != "application/octet-stream")
            throw MediaType.Unsupported(type);
        var store = request.Headers["X-Image-Meta-Store"].ToString();
        var size = DeclaredSize(request.Headers[SizeHeader], request.ContentLength);
        await images.Uploads.UploadAsync(
            call.Caller, call.ImageId, new UploadRequest(request.BodyReader, size, store.Length == 0 ? null : store), call.Aborted);
        await call.WriteNothingAsync();
    }

    /// <summary>Bytes announced: by that header, or else as the length of the body; null when unknown.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static long? DeclaredSize(string? header, long? contentLength)
    {
        if (string.IsNullOrEmpty(header))
            return contentLength;
        return long.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            ? size
            : throw new ApiException(400, $"The header {SizeHeader} must be a whole number of bytes.");
    }
}
