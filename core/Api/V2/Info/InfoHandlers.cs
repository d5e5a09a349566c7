using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>What this gateway can do and has.</summary>
internal sealed class InfoHandlers(ImageServices images)
{
    /// <summary><c>GET /v2/info/import</c>. No import method is served, and clients read the empty list as that.</summary>
    public static Task ImportAsync(ApiCall call) => call.WriteJsonAsync(200, w =>
    {
        w.WriteStartObject();
        w.WriteStartObject("import-methods");
        w.WriteString("description", "Import methods available.");
        w.WriteString("type", "array");
        w.WriteStartArray("value");
        w.WriteEndArray();
        w.WriteEndObject();
        w.WriteEndObject();
    });

    /// <summary><c>GET /v2/info/stores</c>. The flags are the text "true", and left out otherwise, as in Glance.</summary>
    public Task StoresAsync(ApiCall call) => call.WriteJsonAsync(200, w =>
    {
        w.WriteStartObject();
        w.WriteStartArray("stores");
        foreach (var store in images.Stores.List(call.Caller))
        {
            w.WriteStartObject();
            w.WriteString("id", store.Id);
            if (store.Description is { Length: > 0 } description)
                w.WriteString("description", description);
            if (store.IsDefault)
                w.WriteString("default", "true");
            if (store.ReadOnly)
                w.WriteString("read-only", "true");
            w.WriteEndObject();
        }
        w.WriteEndArray();
        w.WriteEndObject();
    });

    /// <summary><c>GET /v2/info/usage</c>. Sizes are in MiB; a limit of -1 is none, as in Keystone. Without limits the object is empty.</summary>
    public async Task UsageAsync(ApiCall call)
    {
        var usages = await images.Quotas.ListUsageAsync(call.Caller, call.Aborted);
        await call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteStartObject("usage");
            foreach (var usage in usages)
            {
                w.WriteStartObject(usage.Name);
                w.WriteNumber("usage", usage.Used);
                w.WriteNumber("limit", usage.Limit ?? -1);
                w.WriteEndObject();
            }
            w.WriteEndObject();
            w.WriteEndObject();
        });
    }
}
