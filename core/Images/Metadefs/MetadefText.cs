using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>
/// Metadata definitions as JSON, in the form that the API and Glance's definition files share: a namespace with
/// <c>resource_type_associations</c>, <c>properties</c>, <c>objects</c> and <c>tags</c>. Every refusal of a definition is made here.
/// </summary>
public static class MetadefText
{
    private static readonly JsonSchemaCheck NamespaceCheck = new(MetadefSchemas.Namespace);
    private static readonly Dictionary<MetadefPartKind, JsonSchemaCheck> PartChecks =
        Enum.GetValues<MetadefPartKind>().ToDictionary(kind => kind, kind => new JsonSchemaCheck(MetadefSchemas.Of(kind)));

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] GatewaysOwn = ["created_at", "updated_at", "self", "schema"];

    /// <summary>Reads a namespace with what it holds. Absent, <c>visibility</c> is private and <c>protected</c> false.</summary>
    /// <param name="text">A JSON value, checked here.</param>
    /// <param name="owner">The owner of a namespace that names none.</param>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>, or <see cref="ImageError.Conflict"/> for a name that comes twice.</exception>
    public static MetadefContent ReadNamespace(JsonElement text, string? owner)
    {
        Require(NamespaceCheck, "namespace", text);
        var read = new MetadefNamespace
        {
            Name = Name(text, "namespace"),
            DisplayName = TextOf(text, "display_name"),
            Description = TextOf(text, "description"),
            IsPublic = TextOf(text, "visibility") == "public",
            Protected = text.TryGetProperty("protected", out var flag) && flag.GetBoolean(),
            Owner = text.TryGetProperty("owner", out var named) ? named.GetString() is { Length: > 0 } project ? project : null : owner,
        };
        List<MetadefPart> parts =
        [
            .. Items(text, "resource_type_associations").Select(item => Part(MetadefPartKind.ResourceType, item)),
            .. Properties(text).Select(pair => Part(MetadefPartKind.Property, pair.Value, pair.Key)),
            .. Items(text, "objects").Select(item => Part(MetadefPartKind.PropertyObject, item)),
            .. Items(text, "tags").Select(item => Part(MetadefPartKind.Tag, item)),
        ];
        RequireDistinct(read.Name, parts);
        return new MetadefContent(read, parts);
    }

    /// <summary>Reads something that a namespace holds.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>.</exception>
    public static MetadefPart ReadPart(MetadefPartKind kind, JsonElement text)
    {
        Require(PartChecks[kind], MetadefSchemas.Of(kind).GetProperty("name").GetString()!, text);
        return Part(kind, text);
    }

    /// <summary>Reads a list of tags, <c>{"tags": [{"name": "…"}]}</c>.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Invalid"/>, or <see cref="ImageError.Conflict"/> for a name that comes twice.</exception>
    public static IReadOnlyList<MetadefPart> ReadTags(string namespaceName, JsonElement text)
    {
        if (text.ValueKind != JsonValueKind.Object || !text.TryGetProperty("tags", out var list) || list.ValueKind != JsonValueKind.Array)
        {
            throw new ImageException(ImageError.Invalid, "Provided object does not match schema 'tags': 'tags' is a required list of tags.");
        }

        List<MetadefPart> tags = [.. list.EnumerateArray().Select(item => ReadPart(MetadefPartKind.Tag, item))];
        RequireDistinct(namespaceName, tags);
        return tags;
    }

    /// <summary>Refuses members that only the gateway sets.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Forbidden"/>.</exception>
    public static void RequireWritable(JsonElement text)
    {
        if (text.ValueKind == JsonValueKind.Object && GatewaysOwn.FirstOrDefault(name => text.TryGetProperty(name, out _)) is { } name)
        {
            throw ImageValues.ReadOnly(name);
        }
    }

    /// <summary>The same namespace as a resource type sees it: the names of properties have the prefix of the association.</summary>
    /// <param name="content">A namespace with all that it holds.</param>
    /// <param name="resourceType">Without an association nothing changes.</param>
    public static MetadefContent Prefixed(MetadefContent content, string resourceType)
    {
        var prefix = content.Of(MetadefPartKind.ResourceType).FirstOrDefault(type => type.Name == resourceType) is { } association ? Prefix(association) : null;
        return prefix is null ? content : content with
        {
            Parts =
            [
                .. content.Parts.Select(part => part.Kind switch
                {
                    MetadefPartKind.Property => part with { Name = prefix + part.Name },
                    MetadefPartKind.PropertyObject => part with { Definition = PrefixedObject(part.Definition, prefix) },
                    _ => part,
                }),
            ],
        };
    }

    /// <summary>The prefix of an association; null for none.</summary>
    public static string? Prefix(MetadefPart association)
    {
        using var definition = JsonDocument.Parse(association.Definition);
        return TextOf(definition.RootElement, "prefix") is { Length: > 0 } prefix ? prefix : null;
    }

    /// <summary>Writes a namespace in the form of Glance's definition files, without times.</summary>
    public static void WriteFile(Utf8JsonWriter writer, MetadefContent content)
    {
        var it = content.Namespace;
        writer.WriteStartObject();
        writer.WriteString("namespace", it.Name);
        WriteText(writer, "display_name", it.DisplayName);
        WriteText(writer, "description", it.Description);
        writer.WriteString("visibility", it.IsPublic ? "public" : "private");
        writer.WriteBoolean("protected", it.Protected);

        // None is written too: to whoever loads the file an absent owner is the administrator, and what nobody owns everybody sees.
        writer.WriteString("owner", it.Owner ?? "");
        WriteList(writer, "resource_type_associations", content.Of(MetadefPartKind.ResourceType));
        var properties = content.Of(MetadefPartKind.Property).ToList();
        if (properties.Count > 0)
        {
            writer.WriteStartObject("properties");
            foreach (var property in properties)
            {
                writer.WritePropertyName(property.Name);
                writer.WriteStartObject();
                WriteDefinition(writer, property);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        WriteList(writer, "objects", content.Of(MetadefPartKind.PropertyObject));
        WriteList(writer, "tags", content.Of(MetadefPartKind.Tag));
        writer.WriteEndObject();
    }

    /// <summary>Writes a text, or nothing when there is none.</summary>
    public static void WriteText(Utf8JsonWriter writer, string name, string? text)
    {
        if (text is not null)
        {
            writer.WriteString(name, text);
        }
    }

    /// <summary>Writes the members of a definition into the object that is open.</summary>
    public static void WriteDefinition(Utf8JsonWriter writer, MetadefPart part)
    {
        using var definition = JsonDocument.Parse(part.Definition);
        foreach (var member in definition.RootElement.EnumerateObject())
        {
            member.WriteTo(writer);
        }
    }

    private static void WriteList(Utf8JsonWriter writer, string name, IEnumerable<MetadefPart> parts)
    {
        var list = parts.ToList();
        if (list.Count == 0)
        {
            return;
        }

        writer.WriteStartArray(name);
        foreach (var part in list)
        {
            writer.WriteStartObject();
            writer.WriteString("name", part.Name);
            WriteDefinition(writer, part);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void Require(JsonSchemaCheck check, string schema, JsonElement text)
    {
        if (text.ValueKind != JsonValueKind.Object)
        {
            throw new ImageException(ImageError.Invalid, $"Provided object does not match schema '{schema}': expected an object.");
        }

        // Before the check, which reads the texts.
        if (!IsStorable(text))
        {
            throw new ImageException(ImageError.Invalid, $"Provided object does not match schema '{schema}': a text or name in it holds a character that cannot be stored (NUL, or half a surrogate pair).");
        }

        if (check.Find(text) is { } problem)
        {
            throw new ImageException(ImageError.Invalid, $"Provided object does not match schema '{schema}': {problem}.");
        }
    }

    private static bool IsStorable(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().All(member => IsStorable(() => member.Name) && IsStorable(member.Value)),
        JsonValueKind.Array => value.EnumerateArray().All(IsStorable),
        JsonValueKind.String => IsStorable(() => value.GetString()!),
        _ => true,
    };

    private static bool IsStorable(Func<string> read)
    {
        try
        {
            return ImageValues.IsStorable(read());
        }
        catch (InvalidOperationException)
        {
            // JSON can spell half a surrogate pair ("\ud800"), which no encoding of text has.
            return false;
        }
    }

    private static void RequireDistinct(string namespaceName, List<MetadefPart> parts)
    {
        var seen = new HashSet<(MetadefPartKind, string)>();
        if (parts.FirstOrDefault(part => !seen.Add((part.Kind, part.Name))) is { } repeated)
        {
            throw MetadefRefusals.Exists(namespaceName, repeated.Kind, repeated.Name);
        }
    }

    private static MetadefPart Part(MetadefPartKind kind, JsonElement text, string? name = null) =>
        new(kind, name is null ? Name(text, "name") : Checked(name), Definition(text));

    private static string Name(JsonElement text, string member) => Checked(text.GetProperty(member).GetString()!);

    private static string Checked(string name) => name.Length > 0 && name.EnumerateRunes().Count() <= 80 && ImageValues.IsStorable(name)
        ? name
        : throw new ImageException(ImageError.Invalid, "A name must have 1 to 80 characters, none of them NUL or half a surrogate pair.");

    private static string? TextOf(JsonElement text, string member) => text.TryGetProperty(member, out var value) ? value.GetString() : null;

    private static List<JsonElement> Items(JsonElement text, string member) => text.TryGetProperty(member, out var list) ? [.. list.EnumerateArray()] : [];

    /// <summary>Of a name that comes twice the last counts, as JSON readers have it.</summary>
    private static Dictionary<string, JsonElement> Properties(JsonElement text)
    {
        var properties = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (text.TryGetProperty("properties", out var map))
        {
            foreach (var member in map.EnumerateObject())
            {
                properties[member.Name] = member.Value;
            }
        }

        return properties;
    }

    /// <summary>The members but the name and those that the gateway sets, each once.</summary>
    private static string Definition(JsonElement text) => Written(writer =>
    {
        var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in text.EnumerateObject().Where(member => member.Name != "name" && !GatewaysOwn.Contains(member.Name, StringComparer.Ordinal)))
        {
            members[member.Name] = member.Value;
        }

        foreach (var (name, value) in members)
        {
            writer.WritePropertyName(name);
            value.WriteTo(writer);
        }
    });

    private static string PrefixedObject(string definition, string prefix)
    {
        using var document = JsonDocument.Parse(definition);
        return Written(writer =>
        {
            foreach (var member in document.RootElement.EnumerateObject())
            {
                switch (member.Name)
                {
                    case "required":
                        writer.WriteStartArray(member.Name);
                        foreach (var name in member.Value.EnumerateArray())
                        {
                            writer.WriteStringValue(prefix + name.GetString());
                        }

                        writer.WriteEndArray();
                        break;
                    case "properties":
                        writer.WriteStartObject(member.Name);
                        foreach (var property in member.Value.EnumerateObject())
                        {
                            writer.WritePropertyName(prefix + property.Name);
                            property.Value.WriteTo(writer);
                        }

                        writer.WriteEndObject();
                        break;
                    default:
                        member.WriteTo(writer);
                        break;
                }
            }
        });
    }

    private static string Written(Action<Utf8JsonWriter> writeMembers)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            writer.WriteStartObject();
            writeMembers(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
