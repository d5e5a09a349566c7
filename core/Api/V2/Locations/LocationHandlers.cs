using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Where the data of an image lies.</summary>
internal sealed class LocationHandlers(ImageServices images)
{
    /// <summary><c>POST /v2/images/{image}/locations</c>. Answers 202: with validation_data the data is read and proven afterwards.</summary>
    public async Task AddAsync(ApiCall call)
    {
        using var body = await call.ReadJsonAsync();
        var members = JsonBody.Members(body.RootElement);
        if (members.FirstOrDefault(member => member.Key is not ("url" or "validation_data")).Key is { } unknown)
            throw new ApiException(400, $"A location to be added has no member '{unknown}'.");
        if (JsonBody.Member(body.RootElement, "url") is not { ValueKind: JsonValueKind.String } url || url.GetString() is not { Length: > 0 } text)
            throw new ApiException(400, "The url of the location is missing.");
        LocationClaim? claim = null;
        if (JsonBody.Member(body.RootElement, "validation_data") is { } data)
        {
            if (data.ValueKind != JsonValueKind.Object || JsonBody.Members(data).Any(member => member.Key is not ("os_hash_algo" or "os_hash_value")))
                throw new ApiException(400, "validation_data is an object with os_hash_algo and os_hash_value.");
            if (Text(data, "os_hash_algo") is { } algorithm && Text(data, "os_hash_value") is { } value)
                claim = LocationClaim.Of(algorithm, value);
            else if (JsonBody.Members(data).Count > 0)
                throw new ApiException(400, "validation_data needs both os_hash_algo and os_hash_value.");
        }

        await images.Locations.AddAsync(call.Caller, call.ImageId, text, claim, call.Aborted);
        call.Http.Response.StatusCode = 202;
        call.Http.Response.ContentLength = 0;
    }

    /// <summary><c>GET /v2/images/{image}/locations</c>.</summary>
    public async Task ListAsync(ApiCall call)
    {
        var all = await images.Locations.ListAsync(call.Caller, call.ImageId, call.Aborted);
        await call.WriteJsonAsync(200, w => Write(w, all));
    }

    /// <summary>Writes a list of locations; the store is part of the metadata, as in Glance.</summary>
    internal static void Write(Utf8JsonWriter writer, IReadOnlyList<ImageLocation> locations)
    {
        writer.WriteStartArray();
        foreach (var location in locations)
        {
            writer.WriteStartObject();
            writer.WriteString("url", location.Url);
            writer.WriteStartObject("metadata");
            foreach (var (name, value) in location.Metadata.Where(entry => entry.Key != "store"))
                writer.WriteString(name, value);
            writer.WriteString("store", location.Store);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static string? Text(JsonElement data, string name) =>
        JsonBody.Member(data, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
}
