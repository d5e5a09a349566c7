using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace GlanceGateway.Api.V2;

/// <summary><c>GET /v2/images/{image}/file</c>.</summary>
internal sealed class DownloadHandler(ImageServices images, TimeProvider time)
{
    /// <summary>Sends an image or the part of it that a range names.</summary>
    public async Task HandleAsync(ApiCall call)
    {
        var (request, response) = (call.Http.Request, call.Http.Response);
        await using var data = await images.Downloads.OpenAsync(call.Caller, call.ImageId, call.Aborted);
        if (data is null)
        {
            await call.WriteNothingAsync();
            return;
        }

        var size = data.Image.Size ?? data.Source.Length;
        // The gateway gives no validators, so a conditional range never meets its condition: the whole image answers it.
        var range = size is null || request.Headers.IfRange.Count > 0
            ? null
            : ByteRange.Read(request.Headers.Range.ToString(), request.Headers.ContentRange.ToString(), size.Value);

        response.StatusCode = range is null ? StatusCodes.Status200OK : StatusCodes.Status206PartialContent;
        response.ContentType = "application/octet-stream";
        response.ContentLength = range?.Length ?? size;
        if (range is { } part)
            response.Headers.ContentRange = $"bytes {part.Offset}-{part.Offset + part.Length - 1}/{size}";
        // Hexadecimal and of the whole image even with a part, as every Glance client expects, whatever RFC 1864 says.
        if (data.Image.Checksum is { } checksum)
            response.Headers.ContentMD5 = checksum;
        if (call.Http.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        var sender = new ImageSender(call.Http, images.Options.StallTimeout, time);
        await sender.SendAsync(data.Source, range?.Offset ?? 0, range?.Length ?? size, call.Aborted);
    }
}
