using Dapper;

namespace GlanceGateway.Registry.Sql;

/// <summary>The conditions of a query on images that have nothing to do with who looks. Values become parameters.</summary>
internal static class ImageFilters
{
    /// <summary>The column as SQL.</summary>
    public static string Expression(ImageColumn column) => column switch
    {
        ImageColumn.Id => "i.id",
        ImageColumn.Name => "i.name",
        ImageColumn.Status => "i.status",
        ImageColumn.DiskFormat => "i.disk_format",
        ImageColumn.ContainerFormat => "i.container_format",
        ImageColumn.Size => "i.size",
        ImageColumn.VirtualSize => "i.virtual_size",
        ImageColumn.MinDisk => "i.min_disk",
        ImageColumn.MinRam => "i.min_ram",
        ImageColumn.Owner => "i.owner",
        ImageColumn.Checksum => "i.checksum",
        ImageColumn.HashAlgorithm => "i.hash_algorithm",
        ImageColumn.HashValue => "i.hash_value",
        ImageColumn.CreatedAt => "i.created_at",
        ImageColumn.UpdatedAt => "i.updated_at",
        _ => throw new ArgumentOutOfRangeException(nameof(column), column, "no such column"),
    };

    /// <summary>The conditions on <c>images i</c>, or on <c>image_members m</c> and, where <see cref="NeedImage"/>, its <c>images i</c>.</summary>
    public static List<string> Conditions(ImageQuery query, Dialect dialect, DynamicParameters parameters, bool ofMembers = false)
    {
        var id = ofMembers ? "m.image_id" : "i.id";
        var conditions = new List<string>();
        if (query.Protected is { } isProtected)
        {
            parameters.Add("protected", isProtected ? 1 : 0);
            conditions.Add("i.protected = @protected");
        }

        for (var index = 0; index < query.Filters.Count; index++)
        {
            var known = ofMembers ? KnownToMembers(query.Filters[index]) : null;
            conditions.AddRange(Condition(query.Filters[index], known ?? Expression(query.Filters[index].Column), $"filter{index}", parameters));
        }

        for (var index = 0; index < query.Properties.Count; index++)
        {
            parameters.Add($"property{index}", query.Properties[index].Key);
            parameters.Add($"value{index}", query.Properties[index].Value);

            conditions.Add(dialect.HasProperty(id, $"@property{index}", $"@value{index}"));
        }

        for (var index = 0; index < query.Tags.Count; index++)
        {
            parameters.Add($"tag{index}", query.Tags[index]);
            conditions.Add($"EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = {id} AND t.tag = @tag{index}{dialect.AskedOfEach})");
        }

        return conditions;
    }

    /// <summary>Whether a query looks for text that no image can have.</summary>
    public static bool FindNothing(ImageQuery query) =>
        Words.AreUnknown(query.Viewer.ProjectId) ||
        Words.AreUnknown([.. query.Tags]) ||
        query.Properties.Any(property => Words.AreUnknown(property.Key, property.Value)) ||
        query.Filters.Any(filter => filter.Values.Any(value => Words.AreUnknown(value as string)));

    /// <summary>The first filter that fixes the name; null for none.</summary>
    public static (int Index, string Value)? OneName(ImageQuery query) => query.Filters.Index()
        .Where(filter => filter.Item is { Column: ImageColumn.Name, Comparison: Comparison.Equal, Values: [string] })
        .Select(filter => ((int, string)?)(filter.Index, (string)filter.Item.Values[0]))
        .FirstOrDefault();

    /// <summary>Which filter asks for one status in which few images are: all but active; null for none.</summary>
    public static int? AskForUnready(ImageQuery query) => query.Filters.Index()
        .Where(filter => filter.Item is { Column: ImageColumn.Status, Comparison: Comparison.Equal, Values: [ImageStatus and not (ImageStatus.Active or ImageStatus.Killed or ImageStatus.Deleted)] })
        .Select(filter => (int?)filter.Index)
        .FirstOrDefault();

    /// <summary>Whether a query asks of an image what its members do not know.</summary>
    public static bool NeedImage(ImageQuery query) => query.Protected is not null || query.Filters.Any(filter => KnownToMembers(filter) is null);

    /// <summary>Whether a query names the images.</summary>
    public static bool NameIds(ImageQuery query) =>
        query.Filters.Any(filter => filter is { Column: ImageColumn.Id, Comparison: Comparison.Equal or Comparison.In });

    /// <summary>Whether a query asks for a status by name.</summary>
    public static bool Names(ImageQuery query, ImageStatus status) => query.Filters.Any(filter =>
        filter is { Column: ImageColumn.Status, Comparison: Comparison.Equal or Comparison.In } &&
        filter.Values.Any(value => Value(filter.Column, value).Equals(Words.Of(status))));

    /// <summary>The column of <c>image_members m</c> that answers a filter; null for none. An image without a name is there as one with an empty name.</summary>
    private static string? KnownToMembers(ImageFilter filter) => filter switch
    {
        { Column: ImageColumn.Id } => "m.image_id",
        { Column: ImageColumn.Status } => "m.image_status",
        { Column: ImageColumn.CreatedAt } => "m.image_created_at",
        { Column: ImageColumn.Name, Comparison: Comparison.Equal, Values: [string { Length: > 0 }] } => "m.image_name",
        _ => null,
    };

    private static IEnumerable<string> Condition(ImageFilter filter, string column, string name, DynamicParameters parameters)
    {
        if (filter.Comparison == Comparison.In)
        {
            var names = new List<string>(filter.Values.Count);
            foreach (var value in filter.Values)
            {
                names.Add($"@{name}_{names.Count}");
                parameters.Add($"{name}_{names.Count - 1}", Value(filter.Column, value));
            }

            yield return names.Count == 0 ? "1 = 0" : $"{column} IN ({string.Join(", ", names)})";
            yield break;
        }

        if (filter.Values.Count != 1)
            throw new ArgumentException($"A comparison with {filter.Column} takes one value, not {filter.Values.Count}.", nameof(filter));
        parameters.Add(name, Value(filter.Column, filter.Values[0]));
        yield return filter.Comparison switch
        {
            Comparison.Equal => $"{column} = @{name}",
            Comparison.NotEqual => $"{column} IS DISTINCT FROM @{name}",
            Comparison.Greater => $"{column} > @{name}",
            Comparison.GreaterOrEqual => $"{column} >= @{name}",
            Comparison.Less => $"{column} < @{name}",
            Comparison.LessOrEqual => $"{column} <= @{name}",
            _ => throw new ArgumentOutOfRangeException(nameof(filter), filter.Comparison, "no such comparison"),
        };
    }

    private static object Value(ImageColumn column, object value) => (column, value) switch
    {
        (ImageColumn.Size or ImageColumn.VirtualSize or ImageColumn.MinDisk or ImageColumn.MinRam, long or int) => value,
        (ImageColumn.Size or ImageColumn.VirtualSize or ImageColumn.MinDisk or ImageColumn.MinRam, _) => throw Wrong(column, value),
        (ImageColumn.CreatedAt or ImageColumn.UpdatedAt, DateTimeOffset time) => Words.Of(time),
        (ImageColumn.CreatedAt or ImageColumn.UpdatedAt, _) => throw Wrong(column, value),
        (ImageColumn.Status, ImageStatus status) => Words.Of(status),
        (_, string) => value,
        _ => throw Wrong(column, value),
    };

    private static ArgumentException Wrong(ImageColumn column, object value) =>
        new($"{column} cannot be compared with a {value.GetType().Name}.", nameof(value));
}
