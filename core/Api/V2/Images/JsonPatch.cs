using System.Text.Json;
using System.Text.RegularExpressions;
using GlanceGateway.Images;
using Microsoft.Net.Http.Headers;

namespace GlanceGateway.Api.V2;

/// <summary>The forms of a patch.</summary>
internal enum PatchDialect
{
    /// <summary><c>application/openstack-images-v2.0-json-patch</c>: <c>{"add": "/x", "value": …}</c>.</summary>
    V20,

    /// <summary><c>application/openstack-images-v2.1-json-patch</c>: <c>{"op": "add", "path": "/x", "value": …}</c>.</summary>
    V21,
}

/// <summary>
/// Reads a patch into edits. Both dialects know add, replace and remove and nothing else. A pointer has one segment, or two to add or remove
/// one of <c>locations</c>; its segments are unescaped, then trimmed. Whether an edit is allowed is not decided here.
/// </summary>
internal static partial class JsonPatch
{
    private const string V20Type = "application/openstack-images-v2.0-json-patch";
    private const string V21Type = "application/openstack-images-v2.1-json-patch";
    private static readonly string[] Operations = ["add", "remove", "replace"];

    /// <summary>The dialect of a content type.</summary>
    /// <exception cref="ApiException">415.</exception>
    public static PatchDialect Dialect(string? contentType) => MediaType.Of(contentType) switch
    {
        V20Type => PatchDialect.V20,
        V21Type => PatchDialect.V21,
        var other => throw MediaType.Unsupported(other, ("Accept-Patch", $"{V20Type}, {V21Type}")),
    };

    /// <summary>The edits of a patch, in order.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static List<ImageEdit> Parse(JsonElement patch, PatchDialect dialect)
    {
        if (patch.ValueKind != JsonValueKind.Array)
            throw new ApiException(400, "Request body must be a JSON array of operation objects.");
        List<ImageEdit> edits = [];
        foreach (var item in patch.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
                throw new ApiException(400, "Operations must be JSON objects.");
            var (name, pointer) = dialect == PatchDialect.V21 ? ReadV21(item) : ReadV20(item);
            var path = Split(pointer);
            var depth = path[0] == "locations" && name != "replace" ? 2 : 1;
            if (path.Length != depth)
                throw new ApiException(400, $"Invalid JSON pointer for this resource: '/{string.Join('/', path)}'");
            JsonElement value = default;
            if (name != "remove" && !item.TryGetProperty("value", out value))
                throw new ApiException(400, $"Operation \"{name}\" requires a member named \"value\".");
            edits.Add(new(
                name switch { "add" => EditOperation.Add, "replace" => EditOperation.Replace, _ => EditOperation.Remove },
                path[0],
                depth == 2 ? path[1] : null,
                value,
                MustBeNew: dialect == PatchDialect.V20 && name == "add"));
        }
        return edits;
    }

    /// <summary>The segments of a pointer.</summary>
    internal static string[] Split(string pointer)
    {
        if (!pointer.StartsWith('/'))
            throw new ApiException(400, $"Pointer `{pointer}` does not start with \"/\".");
        if (EmptySegment().IsMatch(pointer))
            throw new ApiException(400, $"Pointer `{pointer}` contains adjacent \"/\".");
        if (pointer.Length > 1 && pointer.EndsWith('/'))
            throw new ApiException(400, $"Pointer `{pointer}` ends with \"/\".");
        if (BareTilde().IsMatch(pointer))
            throw new ApiException(400, $"Pointer `{pointer}` contains \"~\" that is not part of a recognized escape sequence.");
        var segments = pointer[1..].Split('/');
        for (var i = 0; i < segments.Length; i++)
            segments[i] = segments[i].Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal).Trim();
        if (segments.Any(s => s.Length == 0))
            throw new ApiException(400, $"Pointer `{pointer}` does not contain a valid token.");
        return segments;
    }

    private static (string Name, string Pointer) ReadV21(JsonElement item)
    {
        var list = string.Join(", ", Operations);
        if (!item.TryGetProperty("op", out var op))
            throw new ApiException(400, $"Unable to find `op` in JSON Schema change. It must be one of the following: {list}.");
        var name = op.ValueKind == JsonValueKind.String ? op.GetString()! : op.GetRawText();
        if (!Operations.Contains(name, StringComparer.Ordinal))
            throw new ApiException(400, $"Invalid operation: `{name}`. It must be one of the following: {list}.");
        if (!item.TryGetProperty("path", out var path))
            throw new ApiException(400, "Unable to find 'path' in JSON Schema change.");
        return (name, Text(path));
    }

    private static (string Name, string Pointer) ReadV20(JsonElement item)
    {
        var names = Operations.Where(o => item.TryGetProperty(o, out _)).ToList();
        if (names is not [var name])
            throw new ApiException(400, "Operation objects must contain exactly one member named \"add\", \"remove\", or \"replace\".");
        return (name, Text(item.GetProperty(name)));
    }

    private static string Text(JsonElement pointer) => pointer.ValueKind == JsonValueKind.String
        ? pointer.GetString()!
        : throw new ApiException(400, $"Pointer `{pointer.GetRawText()}` is not a string.");

    [GeneratedRegex(@"/\s*/", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex EmptySegment();

    [GeneratedRegex("~(?![01])", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex BareTilde();
}
