using System.Buffers;
using System.Text.Json;

namespace GlanceGateway.View;

/// <summary>What is known of an image, as a JSON document for programs that cannot read extended attributes.</summary>
internal static class MetadataText
{
    private static readonly JsonWriterOptions s_options = new() { Indented = true };

    internal static byte[] Of(MountedImage image)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, s_options))
        {
            json.WriteStartObject();
            json.WriteString("id", image.Id);
            json.WriteString("name", image.Name);
            json.WriteString("owner", image.Owner);
            json.WriteNumber("size", image.Size);
            if (image.RawSize is { } raw)
            {
                json.WriteNumber("virtual_size", raw);
            }

            json.WriteString("disk_format", image.DiskFormat);
            json.WriteString("updated_at", image.UpdatedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"));
            json.WriteStartArray("tags");
            foreach (string tag in image.Tags)
            {
                json.WriteStringValue(tag);
            }

            json.WriteEndArray();
            json.WriteStartObject("properties");
            foreach ((string name, string value) in image.Attributes)
            {
                json.WriteString(name, value);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }
}
