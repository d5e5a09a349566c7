using System.Globalization;
using GlanceGateway.Images;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>Reads the queries of lists of metadata definitions. Of a repeated parameter the last one counts; an unknown one is ignored.</summary>
internal static class MetadefQueries
{
    private static readonly Dictionary<string, MetadefColumn> SortKeys = new(StringComparer.Ordinal)
    {
        ["created_at"] = MetadefColumn.CreatedAt,
        ["updated_at"] = MetadefColumn.UpdatedAt,
        ["namespace"] = MetadefColumn.Name,
        ["name"] = MetadefColumn.Name,
        ["display_name"] = MetadefColumn.DisplayName,
        ["owner"] = MetadefColumn.Owner,
        ["id"] = MetadefColumn.Id,
    };

    /// <summary>The page of namespaces that a query asks for.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static MetadefListing Namespaces(IReadOnlyList<QueryParameter> parameters, ApiOptions options)
    {
        var listing = new MetadefListing(options.DefaultPageSize);
        foreach (var (name, value, _) in parameters)
        {
            listing = name switch
            {
                "limit" => listing with { Limit = (int)Math.Min(Limit(value, least: 0), options.MaxPageSize) },
                "marker" => listing with { Marker = value.Length == 0 ? null : value },
                "sort_key" => listing with { Sort = SortKeys.TryGetValue(value, out var key) ? key : throw Bad($"Invalid sort key: {value}. It must be one of the following: {string.Join(", ", SortKeys.Keys)}.") },
                "sort_dir" => listing with { Descending = Descending(value) },
                "visibility" => listing with { IsPublic = IsPublic(value) },
                "resource_types" => listing with { ResourceTypes = value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) },
                _ => listing,
            };
        }
        return listing;
    }

    /// <summary>The page of a namespace's objects or tags that a query asks for, of all that there are in order of creation.</summary>
    /// <exception cref="ApiException">400 for a bad query, 404 for a marker that is not there.</exception>
    public static IReadOnlyList<MetadefPart> Page(IReadOnlyList<MetadefPart> parts, IReadOnlyList<QueryParameter> parameters, int maxPageSize)
    {
        var (limit, marker, sort, descending) = (long.MaxValue, "", "created_at", true);
        foreach (var (name, value, _) in parameters)
        {
            switch (name)
            {
                case "limit":
                    limit = Math.Min(Limit(value, least: 1), maxPageSize);
                    break;
                case "marker":
                    marker = value;
                    break;
                case "sort_key":
                    sort = value is "created_at" or "updated_at" or "name" or "id" ? value : throw Bad($"Invalid sort key: {value}. It must be one of the following: created_at, updated_at, name, id.");
                    break;
                case "sort_dir":
                    descending = Descending(value);
                    break;
            }
        }

        List<MetadefPart> sorted = [.. sort switch
        {
            "name" => parts.OrderBy(p => p.Name, StringComparer.Ordinal).ThenBy(p => p.Id),
            "updated_at" => parts.OrderBy(p => p.UpdatedAt).ThenBy(p => p.Id),
            "id" => parts.OrderBy(p => p.Id),
            _ => parts.OrderBy(p => p.CreatedAt).ThenBy(p => p.Id),
        }];
        if (descending)
            sorted.Reverse();
        var begin = marker.Length == 0 ? 0 : sorted.FindIndex(p => p.Name == marker) + 1;
        if (begin == 0 && marker.Length > 0)
            throw new ApiException(404, $"There is no '{marker}' after which the page could begin.");
        return sorted.GetRange(begin, (int)Math.Min(limit, sorted.Count - begin));
    }

    /// <summary>The value of a parameter; null when it is absent or empty.</summary>
    public static string? Value(IReadOnlyList<QueryParameter> parameters, string name) =>
        parameters.LastOrDefault(p => p.Name == name).Value is { Length: > 0 } value ? value : null;

    private static long Limit(string value, int least)
    {
        if (!long.TryParse(value, NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var limit))
            throw Bad("limit param must be an integer");
        return limit >= least ? limit : throw Bad("limit param must be positive");
    }

    private static bool Descending(string value) => value switch
    {
        "desc" => true,
        "asc" => false,
        _ => throw Bad($"Invalid sort direction: {value}"),
    };

    private static bool IsPublic(string value) => value switch
    {
        "public" => true,
        "private" => false,
        _ => throw Bad($"Invalid visibility value: {value}"),
    };

    private static ApiException Bad(string message) => new(400, message);
}
