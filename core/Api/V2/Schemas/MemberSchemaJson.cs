using System.Text.Json;
using GlanceGateway.Images;

namespace GlanceGateway.Api.V2;

/// <summary>The schema of a member of an image.</summary>
internal static class MemberSchemaJson
{
    private const string Uuid = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$";

    /// <summary>Writes it.</summary>
    public static void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("name", "member");
        writer.WriteStartObject("properties");
        WriteText(writer, "member_id", "The project with which the image is shared");
        writer.WriteStartObject("image_id");
        writer.WriteString("type", "string");
        writer.WriteString("description", "Identifies the image");
        writer.WriteString("pattern", Uuid);
        writer.WriteEndObject();
        WriteText(writer, "created_at", "When the image was shared");
        WriteText(writer, "updated_at", "When the member last answered");
        writer.WriteStartObject("status");
        writer.WriteString("type", "string");
        writer.WriteString("description", "What the member answered");
        writer.WriteStartArray("enum");
        foreach (var status in Enum.GetValues<Registry.MemberStatus>())
            writer.WriteStringValue(WireNames.Of(status));
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteStartObject("schema");
        writer.WriteBoolean("readOnly", true);
        writer.WriteString("type", "string");
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteText(Utf8JsonWriter writer, string name, string description)
    {
        writer.WriteStartObject(name);
        writer.WriteString("type", "string");
        writer.WriteString("description", description);
        writer.WriteEndObject();
    }
}
