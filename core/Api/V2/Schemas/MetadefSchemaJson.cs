using System.Text.Json;
using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>The published schemas of metadata definitions and of lists of them.</summary>
internal static class MetadefSchemaJson
{
    /// <summary>Every schema, by the last part of its path.</summary>
    public static IReadOnlyList<(string Name, Action<Utf8JsonWriter> Write)> All { get; } =
    [
        ("namespace", MetadefSchemas.Namespace.WriteTo),
        ("namespaces", w => WriteList(w, "namespaces", MetadefSchemas.Namespace)),
        ("object", MetadefSchemas.PropertyObject.WriteTo),
        ("objects", w => WriteList(w, "objects", MetadefSchemas.PropertyObject)),
        ("property", MetadefSchemas.Property.WriteTo),
        ("properties", w => WriteList(w, "properties", MetadefSchemas.Property)),
        ("tag", MetadefSchemas.Tag.WriteTo),
        ("tags", w => WriteList(w, "tags", MetadefSchemas.Tag)),
        ("resource_type", MetadefSchemas.ResourceType.WriteTo),
        ("resource_types", w => WriteList(w, "resource_type_associations", MetadefSchemas.ResourceType)),
    ];

    /// <summary>Writes a list: the items' definitions move to the root, where references look for them.</summary>
    private static void WriteList(Utf8JsonWriter writer, string name, JsonElement item)
    {
        writer.WriteStartObject();
        writer.WriteString("name", name);
        writer.WriteStartObject("properties");
        writer.WriteStartObject(name);
        // Properties are listed by name, and so do not hold theirs.
        var isMap = name == "properties";
        writer.WriteString("type", isMap ? "object" : "array");
        writer.WritePropertyName(isMap ? "additionalProperties" : "items");
        WriteItem(writer, item, isMap);
        writer.WriteEndObject();
        foreach (var text in (ReadOnlySpan<string>)["first", "next", "schema"])
        {
            writer.WriteStartObject(text);
            writer.WriteString("type", "string");
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
        writer.WriteStartArray("links");
        foreach (var text in (ReadOnlySpan<string>)["first", "next", "schema"])
            CollectionSchemaJson.WriteLink(writer, text == "schema" ? "describedby" : text, $"{{{text}}}");
        writer.WriteEndArray();
        if (item.TryGetProperty("definitions", out var definitions))
        {
            writer.WritePropertyName("definitions");
            definitions.WriteTo(writer);
        }
        writer.WriteEndObject();
    }

    private static void WriteItem(Utf8JsonWriter writer, JsonElement item, bool isNamed)
    {
        writer.WriteStartObject();
        foreach (var member in item.EnumerateObject().Where(m => m.Name != "definitions"))
        {
            if (isNamed && member.Name == "required")
            {
                writer.WriteStartArray(member.Name);
                foreach (var name in member.Value.EnumerateArray().Where(n => n.GetString() != "name"))
                    name.WriteTo(writer);
                writer.WriteEndArray();
            }
            else
            {
                member.WriteTo(writer);
            }
        }
        writer.WriteEndObject();
    }
}
