using System.Globalization;
using System.Text.RegularExpressions;
using GlanceGateway.Registry;

namespace GlanceGateway.Api.V2;

/// <summary>
/// Reads the query of a list. Parameters are what pages and sorts, what the API names (visibility, tags, flags), columns, or, with any other
/// name, custom properties: an unknown parameter is no error, it matches nothing. Of a parameter that may not repeat the last one counts.
/// </summary>
internal static partial class ListQuery
{
    private static readonly Dictionary<string, ImageColumn> SortKeys = new(StringComparer.Ordinal)
    {
        ["name"] = ImageColumn.Name,
        ["status"] = ImageColumn.Status,
        ["container_format"] = ImageColumn.ContainerFormat,
        ["disk_format"] = ImageColumn.DiskFormat,
        ["size"] = ImageColumn.Size,
        ["id"] = ImageColumn.Id,
        ["created_at"] = ImageColumn.CreatedAt,
        ["updated_at"] = ImageColumn.UpdatedAt,
    };

    /// <summary>The query for the registry.</summary>
    /// <exception cref="ApiException">400.</exception>
    public static ImageQuery Parse(IReadOnlyList<QueryParameter> parameters, ImageViewer viewer, ApiOptions options)
    {
        Dictionary<string, string> single = new(StringComparer.Ordinal);
        List<string> tags = [], sortKeys = [], sortDirs = [];
        foreach (var (name, value, _) in parameters)
        {
            switch (name)
            {
                case "tag":
                    tags.Add(value);
                    break;
                case "sort_key":
                    sortKeys.Add(value);
                    break;
                case "sort_dir":
                    sortDirs.Add(value);
                    break;
                default:
                    single[name] = value;
                    break;
            }
        }

        var query = new ImageQuery { Viewer = viewer, Tags = tags, Limit = options.DefaultPageSize, Sort = Sort(single, sortKeys, sortDirs) };
        List<ImageFilter> filters = [];
        List<KeyValuePair<string, string>> properties = [];
        foreach (var (name, value) in single)
        {
            switch (name)
            {
                case "limit":
                    query = query with { Limit = Limit(value, options.MaxPageSize) };
                    break;
                case "marker":
                    query = query with { Marker = value.Length == 0 ? null : value };
                    break;
                case "sort":
                    break;
                case "visibility":
                    query = query with { Visibility = Visibility(value) };
                    break;
                case "member_status":
                    query = query with { MemberStatus = value == "all" ? null : WireValues.Member(value) ?? throw Bad($"Invalid status: {value}") };
                    break;
                case "os_hidden":
                    query = query with { Hidden = Flag(name, value.ToLowerInvariant(), value) };
                    break;
                case "protected":
                    query = query with { Protected = Flag(name, value, value) };
                    break;
                case "changes-since":
                    throw Bad("The \"changes-since\" filter is no longer available on v2.");
                default:
                    if (!ColumnFilters.TryAdd(filters, name, value))
                        properties.Add(new(name, value));
                    break;
            }
        }
        return query with { Filters = filters, Properties = properties };
    }

    private static int Limit(string value, int max)
    {
        if (!WholeNumber().IsMatch(value))
            throw Bad("limit param must be an integer");
        if (value.Contains('-') && value.Any(c => c is >= '1' and <= '9'))
            throw Bad("limit param must be positive");
        return long.TryParse(value.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var limit) ? (int)Math.Min(limit, max) : max;
    }

    private static VisibilityFilter Visibility(string value) => value switch
    {
        "public" => VisibilityFilter.Public,
        "private" => VisibilityFilter.Private,
        "shared" => VisibilityFilter.Shared,
        "community" => VisibilityFilter.Community,
        "all" => VisibilityFilter.All,
        _ => throw Bad($"Invalid visibility value: {value}"),
    };

    private static bool Flag(string name, string value, string shown) => value switch
    {
        "true" => true,
        "false" => false,
        _ => throw Bad($"Invalid value '{shown}' for '{name}' filter. Valid values are 'true' or 'false'."),
    };

    private static List<ImageSort> Sort(Dictionary<string, string> single, List<string> keys, List<string> dirs)
    {
        if (single.TryGetValue("sort", out var sort))
        {
            if (keys.Count > 0 || dirs.Count > 0)
                throw Bad("Old and new sorting syntax cannot be combined");
            foreach (var part in sort.Split(','))
            {
                var colon = part.IndexOf(':');
                keys.Add((colon < 0 ? part : part[..colon]).Trim());
                dirs.Add(colon < 0 ? "desc" : part[(colon + 1)..].Trim());
            }
        }
        if (keys.Count == 0 && dirs.Count == 0)
            return [];
        if (keys.Count == 0)
            keys.Add("created_at");
        if (dirs.Count == 0)
            dirs.Add("desc");
        if (dirs.Count > 1 && dirs.Count != keys.Count)
            throw Bad("Number of sort dirs does not match the number of sort keys");

        List<ImageSort> sorts = [];
        for (var i = 0; i < keys.Count; i++)
        {
            if (!SortKeys.TryGetValue(keys[i], out var column))
                throw Bad($"Invalid sort key: {keys[i]}. It must be one of the following: {string.Join(", ", SortKeys.Keys)}.");
            var direction = dirs[dirs.Count == 1 ? 0 : i];
            if (direction is not ("asc" or "desc"))
                throw Bad($"Invalid sort direction: {direction}");
            // A key that comes again cannot change the order any more.
            if (sorts.All(s => s.Column != column))
                sorts.Add(new(column, direction == "desc"));
        }
        return sorts;
    }

    private static ApiException Bad(string message) => new(400, message);

    [GeneratedRegex(@"^\s*[+-]?[0-9]+\s*$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex WholeNumber();
}
