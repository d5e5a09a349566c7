using System.Text.Json;
using System.Text.RegularExpressions;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Configuration;

/// <summary>
/// An operator's custom properties in the schema of images, as in Glance's <c>schema-image.json</c>: a JSON object of names, each with
/// <c>type</c> (string, or null and string), <c>description</c>, <c>enum</c>, <c>pattern</c>, <c>maxLength</c>.
/// </summary>
internal static class ImageSchemaFile
{
    private static readonly YamlUse UseOfFile = new(
        "write one, or correct image_schema_file in the configuration", "expected a JSON object such as {\"rack\": {\"type\": \"string\"}}", null);

    private static readonly string[] Known = ["type", "description", "enum", "pattern", "maxLength", "is_base"];

    /// <summary>Reads a file; none describes nothing.</summary>
    /// <exception cref="ConfigurationException">It cannot be used; all that is wrong with it is in the message.</exception>
    public static IReadOnlyList<ImageField> Read(string? path)
    {
        if (path is null)
        {
            return [];
        }

        var problems = new List<ConfigurationProblem>();
        if (YamlFile.ReadText(path, UseOfFile, problems) is not { } text)
        {
            throw new ConfigurationException(problems);
        }

        List<ImageField> fields = [];
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException(UseOfFile.Expected);
            }

            var taken = new ImageSchema(new ImageOptions()).Attributes.Where(field => field.IsBase).Select(field => field.Name).ToHashSet(StringComparer.Ordinal);
            foreach (var member in document.RootElement.EnumerateObject())
            {
                var name = NameOf(member);
                try
                {
                    RefuseOtherForm(name, member.Value);
                    fields.Add(
                        name is null || !ImageSchema.CanBeCustom(name) ? throw new FormatException("no property can have that name")
                        : taken.Add(name) ? Field(name, member.Value)
                        : throw new FormatException("it is there twice, or is an attribute of every image"));
                }
                catch (FormatException refusal)
                {
                    problems.Add(new(path, name, refusal.Message));
                }
            }
        }
        catch (JsonException fault)
        {
            problems.Add(new($"{path} {JsonFault.PlaceOf(fault)}", null, JsonFault.ReasonOf(fault)));
        }
        catch (FormatException refusal)
        {
            problems.Add(new(path, null, refusal.Message));
        }

        return problems.Count == 0 ? fields : throw new ConfigurationException(problems);
    }

    /// <summary>
    /// The form of a whole JSON schema, which Glance does not start with either: its file is flat, and nothing in it can be demanded. As names of
    /// properties, described as any other, both words are fine.
    /// </summary>
    private static void RefuseOtherForm(string? name, JsonElement value)
    {
        if (name == "required" && value.ValueKind == JsonValueKind.Array)
        {
            throw new FormatException("no property can be demanded of images, in Glance neither: leave the list out");
        }

        if (name == "properties" && value.ValueKind == JsonValueKind.Object && value.EnumerateObject().All(member => member.Value.ValueKind == JsonValueKind.Object))
        {
            throw new FormatException("the properties stand at the top of the file, as in Glance's: take them out of this object");
        }
    }

    private static ImageField Field(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException("expected an object such as {\"type\": \"string\"}");
        }

        if (value.EnumerateObject().Select(key => NameOf(key) ?? "\uFFFD").FirstOrDefault(key => !Known.Contains(key, StringComparer.Ordinal)) is { } unknown)
        {
            throw new FormatException($"there is no '{unknown}'; known are {string.Join(", ", Known)}");
        }

        var pattern = Text(value, "pattern");
        return new ImageField(name, TypeOf(value), Text(value, "description") ?? "")
        {
            IsBase = false,
            MaxLength = Length(value),
            Allowed = value.TryGetProperty("enum", out var allowed) ? Texts(allowed) : null,
            Pattern = pattern,
            Checked = pattern is null ? null : Compiled(pattern),
        };
    }

    private static AttributeType TypeOf(JsonElement value)
    {
        const string Expected = "the type of a custom property is \"string\" or [\"null\", \"string\"]: the registry keeps text";
        if (!value.TryGetProperty("type", out var type))
        {
            throw new FormatException(Expected);
        }

        var names = type.ValueKind == JsonValueKind.Array ? Texts(type) : [type.ValueKind == JsonValueKind.String ? TextOf(type) : ""];
        return names.Order(StringComparer.Ordinal).ToList() switch
        {
            ["string"] => AttributeType.Text,
            ["null", "string"] => AttributeType.NullableText,
            _ => throw new FormatException(Expected),
        };
    }

    private static int? Length(JsonElement value) => !value.TryGetProperty("maxLength", out var length) ? null
        : length.ValueKind == JsonValueKind.Number && length.TryGetInt32(out var most) && most >= 0 ? most
        : throw new FormatException("maxLength is a whole number of characters");

    private static string? Text(JsonElement value, string name) =>
        !value.TryGetProperty(name, out var text) ? null : text.ValueKind == JsonValueKind.String ? TextOf(text) : throw new FormatException($"{name} is a text");

    private static List<string> Texts(JsonElement list) => list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(item => item.ValueKind is JsonValueKind.String or JsonValueKind.Null)
        ? [.. list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(TextOf)]
        : throw new FormatException("expected a list of texts");

    private static string TextOf(JsonElement text)
    {
        try
        {
            return text.GetString()!;
        }
        catch (InvalidOperationException fault)
        {
            // JSON can spell half a surrogate pair ("\ud800"), which no encoding of text has.
            throw new FormatException($"{text.GetRawText()} holds half a character", fault);
        }
    }

    /// <summary>The name of a member; null when it holds half a character.</summary>
    private static string? NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Users choose the texts that are matched, so only expressions that match in linear time are taken.</summary>
    private static Regex Compiled(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, TimeSpan.FromSeconds(1));
        }
        catch (Exception fault) when (fault is ArgumentException or NotSupportedException)
        {
            throw new FormatException($"the pattern cannot be used: {fault.Message}", fault);
        }
    }
}
