using System.Text.Json;
using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>The published form of the schema of an image.</summary>
internal static class ImageSchemaJson
{
    // glanceclient 4.1.0 keeps the schema under ~/.glanceclient and makes an option of every property. It has a --stores of its own,
    // so with this one published every command after the first ends with "conflicting option string: --stores".
    private const string Unpublished = "stores";

    /// <summary>Writes it.</summary>
    public static void WriteImage(Utf8JsonWriter writer, ImageSchema schema)
    {
        writer.WriteStartObject();
        writer.WriteString("name", "image");
        writer.WriteStartObject("properties");
        foreach (var field in schema.Attributes.Where(field => field.Name != Unpublished))
            WriteField(writer, field);
        writer.WriteEndObject();
        writer.WriteStartObject("additionalProperties");
        writer.WriteString("type", "string");
        writer.WriteEndObject();
        writer.WriteStartArray("links");
        CollectionSchemaJson.WriteLink(writer, "self", "{self}");
        CollectionSchemaJson.WriteLink(writer, "enclosure", "{file}");
        CollectionSchemaJson.WriteLink(writer, "describedby", "{schema}");
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteField(Utf8JsonWriter writer, ImageField field)
    {
        var nullable = field.Type is AttributeType.NullableText or AttributeType.NullableWholeNumber;
        var list = field.Type is AttributeType.TextList or AttributeType.LocationList;
        writer.WriteStartObject(field.Name);
        WriteType(writer, nullable, TypeName(field.Type));
        if (field.ReadOnly)
            writer.WriteBoolean("readOnly", true);
        writer.WriteString("description", field.Description);
        if (field.Pattern is { } pattern)
            writer.WriteString("pattern", pattern);
        if (!list && field.MaxLength is { } length)
            writer.WriteNumber("maxLength", length);
        if (field.Allowed is { } allowed)
        {
            writer.WriteStartArray("enum");
            if (nullable)
                writer.WriteNullValue();
            foreach (var value in allowed)
                writer.WriteStringValue(value);
            writer.WriteEndArray();
        }
        if (field.Type == AttributeType.TextList)
            WriteTextItems(writer, field.MaxLength);
        else if (field.Type == AttributeType.LocationList)
            WriteLocationItems(writer);
        if (!field.IsBase)
            writer.WriteBoolean("is_base", false);
        writer.WriteEndObject();
    }

    private static string TypeName(AttributeType type) => type switch
    {
        AttributeType.WholeNumber or AttributeType.NullableWholeNumber => "integer",
        AttributeType.Flag => "boolean",
        AttributeType.TextList or AttributeType.LocationList => "array",
        _ => "string",
    };

    private static void WriteType(Utf8JsonWriter writer, bool nullable, string name)
    {
        if (!nullable)
        {
            writer.WriteString("type", name);
            return;
        }
        writer.WriteStartArray("type");
        writer.WriteStringValue("null");
        writer.WriteStringValue(name);
        writer.WriteEndArray();
    }

    private static void WriteTextItems(Utf8JsonWriter writer, int? maxLength)
    {
        writer.WriteStartObject("items");
        writer.WriteString("type", "string");
        if (maxLength is { } length)
            writer.WriteNumber("maxLength", length);
        writer.WriteEndObject();
    }

    private static void WriteLocationItems(Utf8JsonWriter writer)
    {
        writer.WritePropertyName("items");
        writer.WriteRawValue("""
            {"type":"object","properties":{"url":{"type":"string","maxLength":255},"metadata":{"type":"object"},
            "validation_data":{"description":"What the data must be; sets the attributes of a queued image, must equal those of any other",
            "type":"object","writeOnly":true,"additionalProperties":false,"properties":{"checksum":{"type":"string","minLength":32,"maxLength":32},
            "os_hash_algo":{"type":"string","maxLength":64},"os_hash_value":{"type":"string","maxLength":128}},
            "required":["os_hash_algo","os_hash_value"]}},"required":["url","metadata"]}
            """);
    }
}
