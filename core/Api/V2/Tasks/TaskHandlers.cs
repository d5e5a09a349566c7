using System.Text.Json;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>The tasks API, and the tasks of an image.</summary>
internal sealed class TaskHandlers(ImageServices images, ApiOptions options)
{
    private readonly ImageTasks tasks = images.Tasks;

    /// <summary><c>GET /v2/tasks</c>.</summary>
    public async Task ListAsync(ApiCall call)
    {
        tasks.RequireAccess(call.Caller);
        var parameters = RequestQuery.Read(call.Http);
        var query = TaskListQuery.Parse(parameters, call.Caller.Viewer, options);
        var page = await tasks.ListAsync(call.Caller, query, call.Aborted);
        await call.WriteJsonAsync(200, w => WritePage(w, page, parameters, query.Limit));
    }

    /// <summary><c>GET /v2/tasks/{task}</c>.</summary>
    public async Task ShowAsync(ApiCall call)
    {
        var task = await tasks.GetAsync(call.Caller, call.Places[0], call.Aborted);
        await call.WriteJsonAsync(200, w => TaskJson.Write(w, task));
    }

    /// <summary><c>POST /v2/tasks</c>: an image is made and imported from a URL.</summary>
    public async Task CreateAsync(ApiCall call)
    {
        tasks.RequireAccess(call.Caller);
        using var body = await call.ReadJsonAsync();
        var input = Input(body.RootElement);
        var uri = input.TryGetProperty("import_from", out var from) && from.ValueKind == JsonValueKind.String
            ? from.GetString()!
            : throw new ApiException(400, "Input does not contain 'import_from' field");
        var task = await tasks.ImportAsync(call.Caller, uri, Attributes(input), call.Http.TraceIdentifier, call.Aborted);
        call.Http.Response.Headers.Location = $"{call.BaseUrl}/v2/tasks/{task.Id}";
        await call.WriteJsonAsync(201, w => TaskJson.Write(w, task));
    }

    /// <summary><c>DELETE /v2/tasks/{task}</c>: known, and never allowed.</summary>
    public static Task DeleteAsync(ApiCall call) => throw new ApiException(
        405, "This operation is currently not permitted on Glance Tasks. They are auto deleted after reaching the time based on their expires_at property.")
    {
        Header = ("Allow", "GET"),
    };

    /// <summary><c>GET /v2/images/{image}/tasks</c>.</summary>
    public async Task OfImageAsync(ApiCall call)
    {
        var found = await tasks.OfImageAsync(call.Caller, call.ImageId, call.Aborted);
        await call.WriteJsonAsync(200, w =>
        {
            w.WriteStartObject();
            w.WriteStartArray("tasks");
            foreach (var task in found)
                TaskJson.WriteOfImage(w, task);
            w.WriteEndArray();
            w.WriteEndObject();
        });
    }

    private static JsonElement Input(JsonElement body)
    {
        if (JsonBody.Member(body, "type") is not { } type)
            throw Mismatch("'type' is a required property");
        if (type.ValueKind != JsonValueKind.String || type.GetString() is not (ImageTasks.LegacyImportType or ImageTasks.ImportType))
            throw Mismatch($"{(type.ValueKind == JsonValueKind.String ? $"'{type.GetString()}'" : type.GetRawText())} is not one of ['import', 'api_image_import']");
        if (type.GetString() != ImageTasks.LegacyImportType)
            throw new ApiException(400, "Tasks of this type are made by POST /v2/images/{image_id}/import.");
        return JsonBody.Member(body, "input") is { ValueKind: JsonValueKind.Object } input ? input : throw Mismatch("'input' must be an object");
    }

    /// <summary>The attributes of the image to be made: those given, the format of the data, and a plain container unless another is named.</summary>
    private static List<KeyValuePair<string, JsonElement>> Attributes(JsonElement input)
    {
        List<KeyValuePair<string, JsonElement>> attributes = [];
        if (JsonBody.Member(input, "image_properties") is { } given && given.ValueKind != JsonValueKind.Null)
            attributes = JsonBody.Members(given);
        if (JsonBody.Member(input, "import_from_format") is { ValueKind: JsonValueKind.String } format && attributes.TrueForAll(a => a.Key != "disk_format"))
            attributes.Add(new("disk_format", format));
        if (attributes.TrueForAll(a => a.Key != "container_format"))
        {
            using var bare = JsonDocument.Parse("\"bare\"");
            attributes.Add(new("container_format", bare.RootElement.Clone()));
        }
        return attributes;
    }

    private static ApiException Mismatch(string what) => new(400, $"Provided object does not match schema 'task': {what}");

    private static void WritePage(Utf8JsonWriter writer, IReadOnlyList<TaskRecord> page, List<QueryParameter> parameters, int limit)
    {
        var kept = parameters.Where(p => p.Name != "marker").Select(p => p.Raw).ToList();
        writer.WriteStartObject();
        writer.WriteStartArray("tasks");
        foreach (var task in page)
            TaskJson.WriteStub(writer, task);
        writer.WriteEndArray();
        writer.WriteString("first", kept.Count == 0 ? "/v2/tasks" : $"/v2/tasks?{string.Join('&', kept)}");
        writer.WriteString("schema", "/v2/schemas/tasks");
        if (page.Count > 0 && page.Count == limit)
            writer.WriteString("next", $"/v2/tasks?{string.Join('&', kept.Append($"marker={page[^1].Id}"))}");
        writer.WriteEndObject();
    }
}
