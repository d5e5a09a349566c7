using System.Text.Json;
using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>The stores, and the copies of images in them.</summary>
internal sealed class StoreHandlers(ImageServices images)
{
    /// <summary><c>GET /v2/info/stores</c>. The flags are the text "true", and left out otherwise, as in Glance.</summary>
    public Task ListAsync(ApiCall call) => WriteAsync(call, images.Stores.List(call.Caller), (_, _) => { });

    /// <summary><c>GET /v2/info/stores/detail</c>.</summary>
    public Task DetailAsync(ApiCall call) => WriteAsync(call, images.Stores.Detail(call.Caller), (w, store) =>
    {
        w.WriteString("type", store.Type);
        w.WriteNumber("weight", store.Weight);
        w.WriteStartObject("properties");
        foreach (var (name, value) in store.Properties)
        {
            w.WritePropertyName(name);
            switch (value)
            {
                case long number:
                    w.WriteNumberValue(number);
                    break;
                case bool flag:
                    w.WriteBooleanValue(flag);
                    break;
                default:
                    w.WriteStringValue(value?.ToString());
                    break;
            }
        }
        w.WriteEndObject();
    });

    /// <summary><c>DELETE /v2/stores/{store}/{image}</c>.</summary>
    public async Task RemoveAsync(ApiCall call)
    {
        await images.Locations.RemoveFromStoreAsync(call.Caller, call.Places[1], call.Places[0], call.Aborted);
        await call.WriteNothingAsync();
    }

    private static Task WriteAsync<T>(ApiCall call, IReadOnlyList<T> stores, Action<Utf8JsonWriter, T> more)
        where T : StoreSummary => call.WriteJsonAsync(200, w =>
    {
        w.WriteStartObject();
        w.WriteStartArray("stores");
        foreach (var store in stores)
        {
            w.WriteStartObject();
            w.WriteString("id", store.Id);
            if (store.Description is { Length: > 0 } description)
                w.WriteString("description", description);
            if (store.IsDefault)
                w.WriteString("default", "true");
            if (store.ReadOnly)
                w.WriteString("read-only", "true");
            more(w, store);
            w.WriteEndObject();
        }
        w.WriteEndArray();
        w.WriteEndObject();
    });
}
