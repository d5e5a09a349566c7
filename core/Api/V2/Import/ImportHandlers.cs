using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api.V2;

/// <summary>Bringing data in by other ways than an upload.</summary>
internal sealed class ImportHandlers(ImageServices images)
{
    /// <summary><c>PUT /v2/images/{image}/stage</c>. The body is handed on unread, as an upload's is.</summary>
    public async Task StageAsync(ApiCall call)
    {
        if (!images.Imports.Methods.Contains(ImportMethodNames.GlanceDirect))
            throw new ApiException(404, "'glance-direct' method is not available at this site.");
        var request = call.Http.Request;
        var type = MediaType.Of(request.ContentType);
        if (type != "application/octet-stream")
            throw MediaType.Unsupported(type);
        var size = UploadHandler.DeclaredSize(request.Headers[UploadHandler.SizeHeader], request.ContentLength);
        await images.Staging.StageAsync(call.Caller, call.ImageId, new UploadRequest(request.BodyReader, size, StoreId: null), call.Aborted);
        await call.WriteNothingAsync();
    }

    /// <summary><c>POST /v2/images/{image}/import</c>. Answers when the import has begun; how it goes is seen in the image and its tasks.</summary>
    public async Task ImportAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        var store = call.Http.Request.Headers["X-Image-Meta-Store"].ToString();
        await images.Imports.ImportAsync(
            call.Caller, call.ImageId, body.RootElement, store.Length == 0 ? null : store, call.Http.TraceIdentifier, call.Aborted);
        call.Http.Response.StatusCode = StatusCodes.Status202Accepted;
        call.Http.Response.ContentLength = 0;
    }

    /// <summary><c>GET /v2/info/import</c>.</summary>
    public Task InfoAsync(ApiCall call) => call.WriteJsonAsync(200, w =>
    {
        w.WriteStartObject();
        w.WriteStartObject("import-methods");
        w.WriteString("description", "Import methods available.");
        w.WriteString("type", "array");
        w.WriteStartArray("value");
        foreach (var method in images.Imports.Methods)
            w.WriteStringValue(method);
        w.WriteEndArray();
        w.WriteEndObject();
        w.WriteEndObject();
    });
}
