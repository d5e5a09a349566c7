using System.Globalization;
using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>A task on the wire, in its three forms.</summary>
internal static class TaskJson
{
    /// <summary>One of a list: without what was asked for and what came of it.</summary>
    public static void WriteStub(Utf8JsonWriter writer, TaskRecord task)
    {
        writer.WriteStartObject();
        writer.WriteString("id", task.Id);
        writer.WriteString("type", task.Type);
        writer.WriteString("status", WireNames.Of(task.Status));
        WriteKnown(writer, "owner", task.Owner);
        WriteFrame(writer, task);
        WriteExpiry(writer, task);
        writer.WriteEndObject();
    }

    /// <summary>All of it.</summary>
    public static void Write(Utf8JsonWriter writer, TaskRecord task)
    {
        writer.WriteStartObject();
        writer.WriteString("id", task.Id);
        WriteContent(writer, "input", task.Input);
        writer.WriteString("type", task.Type);
        writer.WriteString("status", WireNames.Of(task.Status));
        WriteKnown(writer, "owner", task.Owner);
        writer.WriteString("message", task.Message);
        WriteContent(writer, "result", task.Result);
        WriteFrame(writer, task);
        writer.WriteString("image_id", task.ImageId);
        WriteKnown(writer, "request_id", task.RequestId);
        WriteKnown(writer, "user_id", task.UserId);
        WriteExpiry(writer, task);
        writer.WriteEndObject();
    }

    /// <summary>One of an image's: a record as it is, with times to the microsecond.</summary>
    public static void WriteOfImage(Utf8JsonWriter writer, TaskRecord task)
    {
        writer.WriteStartObject();
        writer.WriteString("id", task.Id);
        writer.WriteString("type", task.Type);
        writer.WriteString("status", WireNames.Of(task.Status));
        writer.WriteString("owner", task.Owner);
        writer.WriteString("expires_at", task.ExpiresAt is { } expires ? Precise(expires) : null);
        writer.WriteString("created_at", Precise(task.CreatedAt));
        writer.WriteString("updated_at", Precise(task.UpdatedAt));
        writer.WriteNull("deleted_at");
        writer.WriteBoolean("deleted", false);
        writer.WriteString("image_id", task.ImageId);
        writer.WriteString("request_id", task.RequestId);
        writer.WriteString("user_id", task.UserId);
        WriteContent(writer, "input", task.Input);
        WriteContent(writer, "result", task.Result);
        writer.WriteString("message", task.Message);
        writer.WriteEndObject();
    }

    private static void WriteFrame(Utf8JsonWriter writer, TaskRecord task)
    {
        writer.WriteString("created_at", WireValues.Of(task.CreatedAt));
        writer.WriteString("updated_at", WireValues.Of(task.UpdatedAt));
        writer.WriteString("self", $"/v2/tasks/{task.Id}");
        writer.WriteString("schema", "/v2/schemas/task");
    }

    private static void WriteExpiry(Utf8JsonWriter writer, TaskRecord task)
    {
        if (task.ExpiresAt is { } expires)
            writer.WriteString("expires_at", WireValues.Of(expires));
    }

    /// <summary>The published schema allows text only, and clients hold the answer to it: what is not known is left out.</summary>
    private static void WriteKnown(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
            writer.WriteString(name, value);
    }

    private static void WriteContent(Utf8JsonWriter writer, string name, string? json)
    {
        writer.WritePropertyName(name);
        if (json is null)
        {
            writer.WriteNullValue();
            return;
        }
        using var content = JsonDocument.Parse(json);
        content.RootElement.WriteTo(writer);
    }

    private static string Precise(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff", CultureInfo.InvariantCulture);
}
