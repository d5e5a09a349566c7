using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Metadata definitions on the wire. Unlike an image they leave out what has no value.</summary>
internal static class MetadefJson
{
    /// <summary>The path of a namespace.</summary>
    public static string PathOf(string name) => $"/v2/metadefs/namespaces/{name}";

    /// <summary>Writes a namespace with what is given of what it holds.</summary>
    public static void WriteNamespace(Utf8JsonWriter writer, MetadefContent content)
    {
        var it = content.Namespace;
        writer.WriteStartObject();
        writer.WriteString("namespace", it.Name);
        MetadefText.WriteText(writer, "display_name", it.DisplayName);
        MetadefText.WriteText(writer, "description", it.Description);
        writer.WriteString("visibility", it.IsPublic ? "public" : "private");
        writer.WriteBoolean("protected", it.Protected);
        MetadefText.WriteText(writer, "owner", it.Owner);
        WriteTimes(writer, it.CreatedAt, it.UpdatedAt);
        WriteList(writer, "resource_type_associations", content.Of(MetadefPartKind.ResourceType), WriteDated);
        if (content.Of(MetadefPartKind.Property).Any())
            WriteProperties(writer, content.Of(MetadefPartKind.Property));
        WriteList(writer, "objects", content.Of(MetadefPartKind.PropertyObject), (w, part) => WriteObject(w, it.Name, part, isNew: false));
        WriteList(writer, "tags", content.Of(MetadefPartKind.Tag), WriteName);
        writer.WriteString("self", PathOf(it.Name));
        writer.WriteString("schema", "/v2/schemas/metadefs/namespace");
        writer.WriteEndObject();
    }

    /// <summary>Writes <c>properties</c>: definitions by name.</summary>
    public static void WriteProperties(Utf8JsonWriter writer, IEnumerable<MetadefPart> properties)
    {
        writer.WriteStartObject("properties");
        foreach (var property in properties)
        {
            writer.WritePropertyName(property.Name);
            WriteProperty(writer, property);
        }
        writer.WriteEndObject();
    }

    /// <summary>Writes the definition of a property, which has no times.</summary>
    public static void WriteProperty(Utf8JsonWriter writer, MetadefPart property)
    {
        writer.WriteStartObject();
        writer.WriteString("name", property.Name);
        MetadefText.WriteDefinition(writer, property);
        writer.WriteEndObject();
    }

    /// <summary>Writes an object.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="namespaceName">The namespace that holds it.</param>
    /// <param name="part">The object.</param>
    /// <param name="isNew">What was just created is repeated as it was given; afterwards there is always a list of required properties.</param>
    public static void WriteObject(Utf8JsonWriter writer, string namespaceName, MetadefPart part, bool isNew)
    {
        writer.WriteStartObject();
        writer.WriteString("name", part.Name);
        if (!isNew && !Holds(part, "required"))
        {
            writer.WriteStartArray("required");
            writer.WriteEndArray();
        }
        MetadefText.WriteDefinition(writer, part);
        WriteTimes(writer, part.CreatedAt, part.UpdatedAt);
        writer.WriteString("self", $"{PathOf(namespaceName)}/objects/{part.Name}");
        writer.WriteString("schema", "/v2/schemas/metadefs/object");
        writer.WriteEndObject();
    }

    /// <summary>Writes a tag or an association with its times.</summary>
    public static void WriteDated(Utf8JsonWriter writer, MetadefPart part)
    {
        writer.WriteStartObject();
        writer.WriteString("name", part.Name);
        MetadefText.WriteDefinition(writer, part);
        WriteTimes(writer, part.CreatedAt, part.UpdatedAt);
        writer.WriteEndObject();
    }

    /// <summary>Writes a tag of a list.</summary>
    public static void WriteName(Utf8JsonWriter writer, MetadefPart part)
    {
        writer.WriteStartObject();
        writer.WriteString("name", part.Name);
        writer.WriteEndObject();
    }

    /// <summary>Writes a resource type.</summary>
    public static void WriteResourceType(Utf8JsonWriter writer, MetadefResourceType type)
    {
        writer.WriteStartObject();
        writer.WriteString("name", type.Name);
        WriteTimes(writer, type.CreatedAt, type.UpdatedAt);
        writer.WriteEndObject();
    }

    /// <summary>Writes a list, or nothing when it is empty.</summary>
    private static void WriteList(Utf8JsonWriter writer, string name, IEnumerable<MetadefPart> parts, Action<Utf8JsonWriter, MetadefPart> write)
    {
        var first = true;
        foreach (var part in parts)
        {
            if (first)
                writer.WriteStartArray(name);
            first = false;
            write(writer, part);
        }
        if (!first)
            writer.WriteEndArray();
    }

    private static bool Holds(MetadefPart part, string member)
    {
        using var definition = JsonDocument.Parse(part.Definition);
        return definition.RootElement.TryGetProperty(member, out _);
    }

    private static void WriteTimes(Utf8JsonWriter writer, DateTimeOffset created, DateTimeOffset updated)
    {
        writer.WriteString("created_at", WireValues.Of(created));
        writer.WriteString("updated_at", WireValues.Of(updated));
    }
}
