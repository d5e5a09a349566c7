using System.Text.Json;

namespace GlanceGateway.Api.V2;

/// <summary>The schema of a list of something.</summary>
internal static class CollectionSchemaJson
{
    /// <summary>Writes it.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="name">The name of the list, also of its member that holds the items.</param>
    /// <param name="paged">Whether the list comes in pages.</param>
    /// <param name="writeItem">Writes the schema of an item.</param>
    public static void Write(Utf8JsonWriter writer, string name, bool paged, Action<Utf8JsonWriter> writeItem)
    {
        ReadOnlySpan<string> texts = paged ? ["first", "next", "schema"] : ["schema"];
        writer.WriteStartObject();
        writer.WriteString("name", name);
        writer.WriteStartObject("properties");
        writer.WriteStartObject(name);
        writer.WriteString("type", "array");
        writer.WritePropertyName("items");
        writeItem(writer);
        writer.WriteEndObject();
        foreach (var text in texts)
        {
            writer.WriteStartObject(text);
            writer.WriteString("type", "string");
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
        writer.WriteStartArray("links");
        foreach (var text in texts)
            WriteLink(writer, text == "schema" ? "describedby" : text, $"{{{text}}}");
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>Writes a link: the value of a member of the object described, in braces.</summary>
    public static void WriteLink(Utf8JsonWriter writer, string relation, string template)
    {
        writer.WriteStartObject();
        writer.WriteString("rel", relation);
        writer.WriteString("href", template);
        writer.WriteEndObject();
    }
}
