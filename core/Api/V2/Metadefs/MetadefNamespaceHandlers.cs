using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Namespaces of metadata definitions, and the resource types to which they apply.</summary>
internal sealed class MetadefNamespaceHandlers(ImageServices images, ApiOptions options)
{
    private readonly MetadefCatalog _catalog = images.Metadefs;

    /// <summary><c>GET /v2/metadefs/namespaces</c>.</summary>
    public async Task ListAsync(ApiCall call)
    {
        var parameters = RequestQuery.Read(call.Http);
        var page = await _catalog.ListAsync(call.Caller, MetadefQueries.Namespaces(parameters, options), call.Aborted);
        var kept = parameters.Where(p => p.Name != "marker").Select(p => p.Raw).ToList();
        await call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteStartArray("namespaces");
            foreach (var content in page.Namespaces)
                MetadefJson.WriteNamespace(w, content);
            w.WriteEndArray();
            if (page.Next is { } next)
                w.WriteString("next", $"/v2/metadefs/namespaces?{string.Join('&', kept.Append($"marker={Uri.EscapeDataString(next)}"))}");
            w.WriteString("first", kept.Count == 0 ? "/v2/metadefs/namespaces" : $"/v2/metadefs/namespaces?{string.Join('&', kept)}");
            w.WriteString("schema", "/v2/schemas/metadefs/namespaces");
            w.WriteEndObject();
        });
    }

    /// <summary><c>POST /v2/metadefs/namespaces</c>.</summary>
    public async Task CreateAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        var content = await _catalog.CreateAsync(call.Caller, body.RootElement, call.Aborted);
        call.Http.Response.Headers.Location = $"{call.BaseUrl}/v2/metadefs/namespaces/{Uri.EscapeDataString(content.Namespace.Name).Replace("%3A", ":", StringComparison.Ordinal)}";
        await call.WriteJsonAsync(201, w => MetadefJson.WriteNamespace(w, content));
    }

    /// <summary><c>GET /v2/metadefs/namespaces/{namespace}</c>.</summary>
    public async Task ShowAsync(ApiCall call)
    {
        var resourceType = MetadefQueries.Value(RequestQuery.Read(call.Http), "resource_type");
        var content = await _catalog.GetAsync(call.Caller, call.Places[0], resourceType, call.Aborted);
        await call.WriteJsonAsync(200, w => MetadefJson.WriteNamespace(w, content));
    }

    /// <summary><c>PUT /v2/metadefs/namespaces/{namespace}</c>.</summary>
    public async Task ReplaceAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        var stored = await _catalog.ReplaceAsync(call.Caller, call.Places[0], body.RootElement, call.Aborted);
        await call.WriteJsonAsync(200, w => MetadefJson.WriteNamespace(w, new MetadefContent(stored, [])));
    }

    /// <summary><c>DELETE /v2/metadefs/namespaces/{namespace}</c>.</summary>
    public async Task DeleteAsync(ApiCall call)
    {
        await _catalog.DeleteAsync(call.Caller, call.Places[0], call.Aborted);
        await call.WriteNothingAsync();
    }

    /// <summary><c>GET /v2/metadefs/resource_types</c>.</summary>
    public async Task ListResourceTypesAsync(ApiCall call)
    {
        var types = await _catalog.ListResourceTypesAsync(call.Caller, call.Aborted);
        await call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteStartArray("resource_types");
            foreach (var type in types)
                MetadefJson.WriteResourceType(w, type);
            w.WriteEndArray();
            w.WriteEndObject();
        });
    }
}
