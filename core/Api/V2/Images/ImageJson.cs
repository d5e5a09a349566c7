using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>An image on the wire: one flat object, custom properties first, then the base properties in Glance's order, null without a value.</summary>
internal static class ImageJson
{
    /// <summary>Writes an image.</summary>
    public static void Write(Utf8JsonWriter writer, Image image, VisibleLocations locations)
    {
        writer.WriteStartObject();
        foreach (var (name, value) in image.Properties)
        {
            if (!IsInternal(name))
                writer.WriteString(name, value ?? "");
        }
        writer.WriteString("name", image.Name);
        writer.WriteString("disk_format", image.DiskFormat);
        writer.WriteString("container_format", image.ContainerFormat);
        writer.WriteString("visibility", WireNames.Of(image.Visibility));
        WriteNumber(writer, "size", image.Size);
        WriteNumber(writer, "virtual_size", image.VirtualSize);
        writer.WriteString("status", WireNames.Of(image.Status));
        writer.WriteString("checksum", image.Checksum);
        writer.WriteBoolean("protected", image.Protected);
        writer.WriteNumber("min_ram", image.MinRam);
        writer.WriteNumber("min_disk", image.MinDisk);
        writer.WriteString("owner", image.Owner);
        writer.WriteBoolean("os_hidden", image.Hidden);
        writer.WriteString("os_hash_algo", image.HashAlgorithm);
        writer.WriteString("os_hash_value", image.HashValue);
        writer.WriteString("id", image.Id);
        writer.WriteString("created_at", WireValues.Of(image.CreatedAt));
        writer.WriteString("updated_at", WireValues.Of(image.UpdatedAt));
        if (locations.All is { } all)
        {
            writer.WritePropertyName("locations");
            LocationHandlers.Write(writer, all);
        }
        if (locations.DirectUrl is { } direct)
            writer.WriteString("direct_url", direct);
        writer.WriteStartArray("tags");
        foreach (var tag in image.Tags)
            writer.WriteStringValue(tag);
        writer.WriteEndArray();
        writer.WriteString("self", $"/v2/images/{image.Id}");
        writer.WriteString("file", $"/v2/images/{image.Id}/file");
        writer.WriteString("schema", "/v2/schemas/image");
        if (image.Locations.Count > 0)
            writer.WriteString("stores", string.Join(',', image.Locations.Select(l => l.Store).Distinct(StringComparer.Ordinal)));
        writer.WriteEndObject();
    }

    /// <summary>Names of properties in which gateways tell each other where work goes on.</summary>
    private static bool IsInternal(string name) => name is "os_glance_stage_host" or "os_glance_hash_op_host";

    private static void WriteNumber(Utf8JsonWriter writer, string name, long? value)
    {
        if (value is { } number)
            writer.WriteNumber(name, number);
        else
            writer.WriteNull(name);
    }
}
