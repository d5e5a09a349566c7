using System.Text.Json;

namespace GlanceGateway.Api;

/// <summary>JSON that came from a client, made safe to use: afterwards every text in it can be read and stored.</summary>
internal static class JsonBody
{
    /// <summary>Reads a whole document. The caller disposes it.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static async Task<JsonDocument> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        JsonDocument document;
        try
        {
            document = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
        }
        catch (JsonException e)
        {
            throw new ApiException(400, "Malformed JSON in request body.", e);
        }
        try
        {
            if (document.RootElement.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
                throw UnexpectedType();
            CheckTexts(document.RootElement);
            return document;
        }
        catch
        {
            document.Dispose();
            throw;
        }
    }

    /// <summary>The members of an object in order of first appearance; of a repeated one the last value counts.</summary>
    /// <exception cref="ApiException">400: no object.</exception>
    public static List<KeyValuePair<string, JsonElement>> Members(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw UnexpectedType();
        List<KeyValuePair<string, JsonElement>> members = [];
        Dictionary<string, int> places = new(StringComparer.Ordinal);
        foreach (var member in element.EnumerateObject())
        {
            var pair = KeyValuePair.Create(member.Name, member.Value);
            if (places.TryGetValue(member.Name, out var place))
            {
                members[place] = pair;
            }
            else
            {
                places.Add(member.Name, members.Count);
                members.Add(pair);
            }
        }
        return members;
    }

    /// <summary>The last value of a member.</summary>
    public static JsonElement? Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : null;

    private static ApiException UnexpectedType() => new(400, "Unexpected body type. Expected list/dict.");

    private static void CheckTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    CheckText(static m => m.Name, member);
                    CheckTexts(member.Value);
                }
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    CheckTexts(item);
                break;
            case JsonValueKind.String:
                CheckText(static e => e.GetString()!, element);
                break;
        }
    }

    private static void CheckText<T>(Func<T, string> read, T from)
    {
        string text;
        try
        {
            text = read(from);
        }
        catch (InvalidOperationException e)
        {
            // Bytes that are not UTF-8, or an escape of half a surrogate pair: neither can be stored or sent again.
            throw new ApiException(400, "A text in the request body is not valid Unicode.", e);
        }
        if (text.Contains('\0'))
            throw new ApiException(400, "A text in the request body holds a NUL.");
    }
}
