using System.Data.Common;
using Dapper;

namespace GlanceGateway.Registry.Sql;

// What a list's images are found by: a tag, a property or a name that few images have. Null when a walk along the order finds them.
//
// A value that many images have is met soon on a walk along the list's order: of one in ten, 25 are found within 250 steps. A value that few have
// is not: the walk would go through everything. So the entries of each filter's index are counted, at most Few + 1 of them, and the images are
// found by the filter with the fewest, if that is few: then all of them are looked up, tried and sorted.
//
// What it costs at worst: Few look-ups, or, of a value that just more than Few of N images have, a walk of page * N / Few steps. A walk is longer
// where the images that it looks for lie together at the far end of the order, or are not for this viewer; the time-out of lists ends those.
internal sealed record RareFilter(string From, string Condition)
{
    /// <summary>Looking up a thousand images takes about as long as 2,000 steps of a walk that asks for a tag at each.</summary>
    internal const int Few = 1000;

    /// <summary>The filter to find the images by; null for none.</summary>
    /// <param name="connection">Where.</param>
    /// <param name="query">The list.</param>
    /// <param name="byName">Whether the name is to be tried too: no walk along the names of the list is there for the order.</param>
    /// <param name="cancellationToken">Ends the counting.</param>
    public static async Task<RareFilter?> FindAsync(DbConnection connection, ImageQuery query, bool byName, CancellationToken cancellationToken)
    {
        var dialect = Dialect.Of(connection);
        RareFilter? rarest = null;
        long fewest = Few + 1;
        foreach (var (filter, counting, parameters) in Candidates(query, byName, dialect))
        {
            var count = await connection.ValueAsync<long>(
                $"SELECT COUNT(*) FROM (SELECT 1 FROM {counting} LIMIT {Few + 1}) n", parameters, cancellationToken);
            if (count >= fewest)
                continue;
            (rarest, fewest) = (filter, count);
            if (count == 0)
                break;
        }

        return rarest;
    }

    private static IEnumerable<(RareFilter Filter, string Counting, object Parameters)> Candidates(ImageQuery query, bool byName, Dialect dialect)
    {
        var found = $"f {dialect.JoiningImages("f.image_id")}";
        for (var index = 0; index < query.Tags.Count; index++)
        {
            yield return (
                new($"image_tags {found}", $"f.tag = @tag{index} AND i.id = f.image_id"),
                "image_tags f WHERE f.tag = @tag", new { tag = query.Tags[index] });
        }

        for (var index = 0; index < query.Properties.Count; index++)
        {
            yield return (
                new(
                    $"image_properties {found}",
                    $"f.name = @property{index} AND f.value_key = {dialect.ValueKey($"@value{index}")} AND COALESCE(f.value, '') = @value{index} AND i.id = f.image_id"),
                $"image_properties f WHERE f.name = @name AND f.value_key = {dialect.ValueKey("@value")}",
                new { name = query.Properties[index].Key, value = query.Properties[index].Value });
        }

        if (byName && ImageFilters.OneName(query) is { } name)
        {
            yield return (
                new(dialect.Along("images i", "images_by_name"), $"i.name = @filter{name.Index}"),
                "images f WHERE f.name = @name", new { name = name.Value });
        }
    }
}
