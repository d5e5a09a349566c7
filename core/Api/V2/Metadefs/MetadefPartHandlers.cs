using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>What namespaces hold, one kind of it.</summary>
internal sealed class MetadefPartHandlers(MetadefCatalog catalog, ApiOptions options, MetadefPartKind kind)
{
    /// <summary><c>GET /v2/metadefs/namespaces/{namespace}/…</c>.</summary>
    public async Task ListAsync(ApiCall call)
    {
        var all = await catalog.ListPartsAsync(call.Caller, call.Places[0], kind, call.Aborted);
        var page = kind is MetadefPartKind.Tag or MetadefPartKind.PropertyObject ? MetadefQueries.Page(all, RequestQuery.Read(call.Http), options.MaxPageSize) : all;
        await call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            switch (kind)
            {
                case MetadefPartKind.Property:
                    MetadefJson.WriteProperties(w, page);
                    break;
                case MetadefPartKind.PropertyObject:
                    WriteList(w, "objects", page, (writer, part) => MetadefJson.WriteObject(writer, call.Places[0], part, isNew: false));
                    // Glance's own slip, to the letter: no slash before it.
                    w.WriteString("schema", "v2/schemas/metadefs/objects");
                    break;
                case MetadefPartKind.Tag:
                    WriteList(w, "tags", page, MetadefJson.WriteName);
                    break;
                default:
                    WriteList(w, "resource_type_associations", page, MetadefJson.WriteDated);
                    break;
            }
            w.WriteEndObject();
        });
    }

    /// <summary><c>POST /v2/metadefs/namespaces/{namespace}/…</c>: adds one.</summary>
    public async Task AddAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        await AnswerAsync(call, 201, await catalog.AddPartAsync(call.Caller, call.Places[0], kind, body.RootElement, call.Aborted), isNew: true);
    }

    /// <summary><c>POST /v2/metadefs/namespaces/{namespace}/tags</c>: sets all, or adds to them.</summary>
    public async Task SetTagsAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        var append = string.Equals(call.Http.Request.Headers["X-Openstack-Append"].ToString().Trim(), "true", StringComparison.OrdinalIgnoreCase);
        var tags = await catalog.SetTagsAsync(call.Caller, call.Places[0], body.RootElement, append, call.Aborted);
        await call.WriteJsonAsync(201, w =>
        {
            w.WriteStartObject();
            WriteList(w, "tags", tags, MetadefJson.WriteName);
            w.WriteEndObject();
        });
    }

    /// <summary><c>POST /v2/metadefs/namespaces/{namespace}/tags/{tag}</c>.</summary>
    public async Task AddTagAsync(ApiCall call) =>
        await AnswerAsync(call, 201, await catalog.AddTagAsync(call.Caller, call.Places[0], call.Places[1], call.Aborted), isNew: true);

    /// <summary><c>GET /v2/metadefs/namespaces/{namespace}/…/{name}</c>.</summary>
    public async Task ShowAsync(ApiCall call)
    {
        var resourceType = kind == MetadefPartKind.Property ? MetadefQueries.Value(RequestQuery.Read(call.Http), "resource_type") : null;
        await AnswerAsync(call, 200, await catalog.GetPartAsync(call.Caller, call.Places[0], kind, call.Places[1], resourceType, call.Aborted), isNew: false);
    }

    /// <summary><c>PUT /v2/metadefs/namespaces/{namespace}/…/{name}</c>.</summary>
    public async Task ReplaceAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        await AnswerAsync(
            call, 200, await catalog.ReplacePartAsync(call.Caller, call.Places[0], kind, call.Places[1], body.RootElement, call.Aborted), isNew: false);
    }

    /// <summary><c>DELETE /v2/metadefs/namespaces/{namespace}/…/{name}</c>.</summary>
    public async Task RemoveAsync(ApiCall call)
    {
        await catalog.RemovePartsAsync(call.Caller, call.Places[0], kind, call.Places[1], call.Aborted);
        await call.WriteNothingAsync();
    }

    /// <summary><c>DELETE /v2/metadefs/namespaces/{namespace}/…</c>: everything of this kind.</summary>
    public async Task ClearAsync(ApiCall call)
    {
        await catalog.RemovePartsAsync(call.Caller, call.Places[0], kind, partName: null, call.Aborted);
        await call.WriteNothingAsync();
    }

    private static void WriteList(Utf8JsonWriter writer, string name, IReadOnlyList<MetadefPart> parts, Action<Utf8JsonWriter, MetadefPart> write)
    {
        writer.WriteStartArray(name);
        foreach (var part in parts)
            write(writer, part);
        writer.WriteEndArray();
    }

    private Task AnswerAsync(ApiCall call, int status, MetadefPart part, bool isNew) => call.WriteJsonAsync(status, w =>
    {
        switch (kind)
        {
            case MetadefPartKind.Property:
                MetadefJson.WriteProperty(w, part);
                break;
            case MetadefPartKind.PropertyObject:
                MetadefJson.WriteObject(w, call.Places[0], part, isNew);
                break;
            default:
                MetadefJson.WriteDated(w, part);
                break;
        }
    });
}
