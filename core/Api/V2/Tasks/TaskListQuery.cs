using System.Globalization;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Reads the query of a list of tasks. Of a parameter that comes twice the last one counts; unknown ones are ignored.</summary>
internal static class TaskListQuery
{
    /// <summary>The query for the registry.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static TaskQuery Parse(IReadOnlyList<QueryParameter> parameters, ImageViewer viewer, ApiOptions options)
    {
        var query = new TaskQuery { Viewer = viewer, Limit = options.DefaultPageSize };
        foreach (var (name, value, _) in parameters)
        {
            query = name switch
            {
                "limit" => query with { Limit = Limit(value, options.MaxPageSize) },
                "marker" => query with { Marker = Guid.TryParse(value, out _) ? value : throw Bad("Invalid marker format") },
                "type" => query with { Type = Type(value) },
                "status" => query with { Status = Status(value) },
                "sort_key" => query with { Sort = Column(value) },
                "sort_dir" => query with { Descending = value == "desc" || (value == "asc" ? false : throw Bad($"Invalid sort direction: {value}")) },
                _ => query,
            };
        }
        return query;
    }

    private static int Limit(string value, int max)
    {
        if (!long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var limit))
            throw Bad("limit param must be an integer");
        return limit < 0 ? throw Bad("limit param must be positive") : (int)Math.Min(limit, max);
    }

    private static string Type(string value) => value is ImageTasks.LegacyImportType or ImageTasks.ImportType ? value : throw Bad($"Invalid type value: {value}");

    private static WorkStatus Status(string value)
    {
        foreach (var status in Enum.GetValues<WorkStatus>())
        {
            if (WireNames.Of(status) == value)
                return status;
        }
        throw Bad($"Invalid status value: {value}");
    }

    private static TaskColumn Column(string value) => value switch
    {
        "created_at" => TaskColumn.CreatedAt,
        "updated_at" => TaskColumn.UpdatedAt,
        "expires_at" => TaskColumn.ExpiresAt,
        "id" => TaskColumn.Id,
        "type" => TaskColumn.Type,
        "status" => TaskColumn.Status,
        _ => throw Bad($"Invalid sort key: {value}"),
    };

    private static ApiException Bad(string message) => new(400, message);
}
