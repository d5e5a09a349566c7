using System.Globalization;

namespace GlanceGateway.Registry;

/// <summary>
/// The database took too long over a page of images: hardly any image, or none, passes the filters, and no index finds those that do. The message
/// is for whoever asked; it names filters and order, not values.
/// </summary>
public sealed class ListTimeoutException(ImageQuery query, TimeSpan limit, Exception innerException) : Exception(Describe(query, limit), innerException)
{
    private static string Describe(ImageQuery query, TimeSpan limit)
    {
        IEnumerable<string> filters =
        [
            .. query.Filters.Select(filter => Word(filter.Column)),
            .. query.Properties.Select(property => $"property '{property.Key}'"),
            .. query.Tags.Count == 0 ? [] : new[] { "tag" },
            .. query.Protected is null ? [] : new[] { "protected" },
            .. query.Hidden == false ? [] : new[] { "os_hidden" },
        ];
        var by = string.Join(", ", filters.Distinct(StringComparer.Ordinal));
        var order = query.Sort.Count == 0 ? "created_at" : string.Join(", ", query.Sort.Select(sort => Word(sort.Column)));
        return $"The list of images took longer than {limit.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture)} seconds. " +
            $"It was sorted by {order}, {(by.Length == 0 ? "without filters" : $"filtered by {by}")}: " +
            "sort by created_at, name or size alone, or add a filter that few images pass: id, name, one tag, one property or a status.";
    }

    /// <summary>The column as the Images API calls it.</summary>
    private static string Word(ImageColumn column) => column switch
    {
        ImageColumn.HashAlgorithm => "os_hash_algo",
        ImageColumn.HashValue => "os_hash_value",
        _ => string.Concat(column.ToString().Select((letter, index) => (index > 0 && char.IsUpper(letter) ? "_" : "") + char.ToLowerInvariant(letter))),
    };
}
