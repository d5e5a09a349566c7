using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>The schemas of a task and of a list of tasks.</summary>
internal static class TaskSchemaJson
{
    private const string Uuid = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$";

    /// <summary><c>GET /v2/schemas/task</c>.</summary>
    public static Task TaskAsync(ApiCall call) => call.WriteJsonAsync(200, w => Write(w, stub: false));

    /// <summary><c>GET /v2/schemas/tasks</c>.</summary>
    public static Task TasksAsync(ApiCall call) =>
        call.WriteJsonAsync(200, w => CollectionSchemaJson.Write(w, "tasks", paged: false, item => Write(item, stub: true)));

    private static void Write(Utf8JsonWriter writer, bool stub)
    {
        writer.WriteStartObject();
        writer.WriteString("name", "task");
        writer.WriteStartObject("properties");
        WriteField(writer, "id", "Identifies the task", "string", pattern: Uuid);
        WriteField(writer, "type", "The kind of work", "string", allowed: [ImageTasks.LegacyImportType, ImageTasks.ImportType]);
        WriteField(writer, "status", "Where the task stands", "string", allowed: [.. Enum.GetValues<WorkStatus>().Select(WireNames.Of)]);
        if (!stub)
        {
            WriteField(writer, "input", "What was asked for", "object", nullable: true);
            WriteField(writer, "result", "What came of it", "object", nullable: true);
        }
        WriteField(writer, "owner", "The project that asked for it", "string");
        if (!stub)
            WriteField(writer, "message", "For people: mostly why it failed", "string");
        WriteField(writer, "image_id", "The image that is worked on", "string");
        WriteField(writer, "request_id", "The request that asked for it", "string");
        WriteField(writer, "user_id", "The user who asked for it", "string");
        WriteField(writer, "expires_at", "When the record of the task goes", "string", nullable: true);
        WriteField(writer, "created_at", "When it was asked for", "string");
        WriteField(writer, "updated_at", "When its record last changed", "string");
        WriteLink(writer, "self");
        WriteLink(writer, "schema");
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteField(
        Utf8JsonWriter writer, string name, string description, string type, bool nullable = false, string? pattern = null, IReadOnlyList<string>? allowed = null)
    {
        writer.WriteStartObject(name);
        writer.WriteString("description", description);
        if (pattern is not null)
            writer.WriteString("pattern", pattern);
        if (allowed is not null)
        {
            writer.WriteStartArray("enum");
            foreach (var word in allowed)
                writer.WriteStringValue(word);
            writer.WriteEndArray();
        }
        if (nullable)
        {
            writer.WriteStartArray("type");
            writer.WriteStringValue("null");
            writer.WriteStringValue(type);
            writer.WriteEndArray();
        }
        else
        {
            writer.WriteString("type", type);
        }
        writer.WriteEndObject();
    }

    private static void WriteLink(Utf8JsonWriter writer, string name)
    {
        writer.WriteStartObject(name);
        writer.WriteBoolean("readOnly", true);
        writer.WriteString("type", "string");
        writer.WriteEndObject();
    }
}
