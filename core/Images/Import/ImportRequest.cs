using System.Text;
using System.Text.Json;

namespace GlanceGateway.Images;

/// <summary>What a client asks for, as JSON: <c>{"method": {"name": …}, "stores": […], "all_stores": …, "all_stores_must_succeed": …}</c>.</summary>
/// <param name="Body">The whole object.</param>
/// <param name="Method">Its member <c>method</c>.</param>
/// <param name="Name">The name of the method.</param>
/// <param name="Stores">The stores named; empty for none.</param>
/// <param name="AllStores">Whether all stores are meant.</param>
/// <param name="AllMustSucceed">Whether the image stays without data unless every store takes it.</param>
internal sealed record ImportRequest(JsonElement Body, JsonElement Method, string Name, IReadOnlyList<string> Stores, bool AllStores, bool AllMustSucceed)
{
    private const string ExemptName = "without_injected_metadata";

    /// <summary>Reads it.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>.</exception>
    public static ImportRequest Parse(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object || !body.TryGetProperty("method", out var method))
        {
            throw Invalid("Import request requires a 'method' field.");
        }

        if (method.ValueKind != JsonValueKind.Object || !method.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String)
        {
            throw Invalid("Import request requires a 'name' field.");
        }

        return new ImportRequest(
            body, method, name.GetString()!, StoresOf(body), Flag(body, "all_stores") ?? false, Flag(body, "all_stores_must_succeed") ?? true);
    }

    /// <summary>What the record of the task holds: the request, and the stores that it came to.</summary>
    /// <param name="imageId">The image.</param>
    /// <param name="targets">The stores.</param>
    /// <param name="isExempt">Whether the image gets no properties of the operator's, because of who imports it.</param>
    public string ToTaskInput(string imageId, IReadOnlyList<string> targets, bool isExempt)
    {
        using var text = new MemoryStream();
        using (var writer = new Utf8JsonWriter(text))
        {
            writer.WriteStartObject();
            writer.WriteString("image_id", imageId);
            writer.WritePropertyName("import_req");
            Body.WriteTo(writer);
            if (isExempt)
            {
                writer.WriteBoolean(ExemptName, true);
            }

            writer.WriteStartArray("backend");
            foreach (var store in targets)
            {
                writer.WriteStringValue(store);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.ToArray());
    }

    /// <summary>The request and its stores, from the record of a task.</summary>
    public static (ImportRequest Request, IReadOnlyList<string> Targets, bool IsExempt) FromTaskInput(JsonElement input) =>
        (Parse(input.GetProperty("import_req")),
        [.. input.GetProperty("backend").EnumerateArray().Select(store => store.GetString()!)],
        input.TryGetProperty(ExemptName, out var exempt) && exempt.ValueKind == JsonValueKind.True);

    private static string[] StoresOf(JsonElement body)
    {
        if (!body.TryGetProperty("stores", out var stores) || stores.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        return stores.ValueKind == JsonValueKind.Array && stores.EnumerateArray().All(store => store.ValueKind == JsonValueKind.String)
            ? [.. stores.EnumerateArray().Select(store => store.GetString()!).Distinct(StringComparer.Ordinal)]
            : throw Invalid("'stores' must be a list of store identifiers");
    }

    private static bool? Flag(JsonElement body, string name)
    {
        if (!body.TryGetProperty(name, out var flag))
        {
            return null;
        }

        return flag.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Invalid($"'{name}' must be boolean value only"),
        };
    }

    private static ImageException Invalid(string message) => new(ImageError.Invalid, message);
}
