using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Create, list, show, change and delete images.</summary>
internal sealed class ImageHandlers(ImageServices images, ApiOptions options)
{
    private readonly ImageCatalog catalog = images.Catalog;

    /// <summary><c>GET /v2/images</c>.</summary>
    public async Task ListAsync(ApiCall call)
    {
        var parameters = RequestQuery.Read(call.Http);
        var query = ListQuery.Parse(parameters, call.Caller.Viewer, options);
        var page = await catalog.ListAsync(call.Caller, query, call.Aborted);
        await call.WriteJsonAsync(200, w => WritePage(w, call, page, parameters, query.Limit));
    }

    /// <summary><c>POST /v2/images</c>.</summary>
    public async Task CreateAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        var image = await catalog.CreateAsync(call.Caller, JsonBody.Members(body.RootElement), call.Aborted);
        var headers = call.Http.Response.Headers;
        headers.Location = $"{call.BaseUrl}/v2/images/{image.Id}";
        if (images.Imports.Methods.Count > 0)
            headers["OpenStack-image-import-methods"] = string.Join(',', images.Imports.Methods);
        headers["OpenStack-image-store-ids"] = string.Join(',', images.Stores.List(call.Caller).Select(s => s.Id));
        await call.WriteJsonAsync(201, w => ImageJson.Write(w, image, images.Locations.Show(call.Caller, image)));
    }

    /// <summary><c>GET /v2/images/{image}</c>.</summary>
    public async Task ShowAsync(ApiCall call)
    {
        var image = await catalog.GetAsync(call.Caller, call.ImageId, call.Aborted);
        await call.WriteJsonAsync(200, w => ImageJson.Write(w, image, images.Locations.Show(call.Caller, image)));
    }

    /// <summary><c>PATCH /v2/images/{image}</c>.</summary>
    public async Task UpdateAsync(ApiCall call)
    {
        var dialect = JsonPatch.Dialect(call.Http.Request.ContentType);
        using var body = await call.ReadJsonAsync();
        var edits = JsonPatch.Parse(body.RootElement, dialect);
        var image = await catalog.UpdateAsync(call.Caller, call.ImageId, edits, call.Aborted);
        await call.WriteJsonAsync(200, w => ImageJson.Write(w, image, images.Locations.Show(call.Caller, image)));
    }

    /// <summary><c>DELETE /v2/images/{image}</c>.</summary>
    public async Task DeleteAsync(ApiCall call)
    {
        await catalog.DeleteAsync(call.Caller, call.ImageId, call.Aborted);
        await call.WriteNothingAsync();
    }

    /// <summary>A page and its links. They repeat every parameter as it came; Glance keeps only the last of repeated ones and so pages wrongly.</summary>
    private void WritePage(Utf8JsonWriter writer, ApiCall call, IReadOnlyList<Image> page, List<QueryParameter> parameters, int limit)
    {
        var kept = parameters.Where(p => p.Name != "marker").Select(p => p.Raw).ToList();
        writer.WriteStartObject();
        writer.WriteStartArray("images");
        foreach (var image in page)
            ImageJson.Write(writer, image, images.Locations.Show(call.Caller, image));
        writer.WriteEndArray();
        writer.WriteString("first", kept.Count == 0 ? "/v2/images" : $"/v2/images?{string.Join('&', kept)}");
        writer.WriteString("schema", "/v2/schemas/images");
        if (page.Count > 0 && page.Count == limit)
            writer.WriteString("next", $"/v2/images?{string.Join('&', kept.Append($"marker={page[^1].Id}"))}");
        writer.WriteEndObject();
    }
}
