using Dapper;

namespace GlanceGateway.Registry.Sql;

/// <summary>
/// The total order of a list: the sort keys, then created_at and id in the direction of the first. Nulls sort as empty text or zero, so that a
/// page can start after any image by comparing values.
/// </summary>
internal sealed class ImageOrder
{
    private readonly List<(ImageColumn Column, string Expression, bool Descending)> _terms = [];

    public ImageOrder(IReadOnlyList<ImageSort> sort, Dialect dialect)
    {
        Index = IndexOf(sort);
        var descending = sort.Count == 0 || sort[0].Descending;
        var tieBreakers = new[] { new ImageSort(ImageColumn.CreatedAt, descending), new ImageSort(ImageColumn.Id, descending) };
        foreach (var (column, down) in sort.Concat(tieBreakers).DistinctBy(key => key.Column))
        {
            _terms.Add((column, SortExpression(column, dialect), down));
            if (column == ImageColumn.Id)
                break; // nothing is equal beyond the id
        }
    }

    /// <summary>How the indexes that hold images in this order end; null when there are none.</summary>
    public string? Index { get; }

    /// <summary>The values of the order under the names k0, k1…, from <c>images i</c>.</summary>
    public string Keys => KeysOf(OfImages);

    /// <summary>The same from <c>image_members m</c>, which keep the columns of the orders that have an <see cref="Index"/>.</summary>
    public string KeysOfShares => KeysOf(OfShares);

    /// <summary>ORDER BY over <see cref="Keys"/>.</summary>
    public string OverKeys => string.Join(", ", _terms.Select((term, index) => $"k{index}{Direction(term.Descending)}"));

    /// <summary>ORDER BY over <c>images i</c>, in the words of the indexes.</summary>
    public string OverImages => string.Join(", ", OfImages.Zip(_terms, (expression, term) => expression + Direction(term.Descending)));

    /// <summary>ORDER BY over <c>image_members m</c>, in the words of the indexes.</summary>
    public string OverShares => string.Join(", ", OfShares.Zip(_terms, (expression, term) => expression + Direction(term.Descending)));

    private IEnumerable<string> OfImages => _terms.Select(term => term.Expression);

    private IEnumerable<string> OfShares => _terms.Select(term => term.Column switch
    {
        ImageColumn.Id => "m.image_id",
        ImageColumn.CreatedAt => "m.image_created_at",
        ImageColumn.Name => "m.image_name",
        ImageColumn.Size => "m.image_size",
        _ => throw new InvalidOperationException($"Members do not know the {term.Column} of their image."),
    });

    /// <summary>The condition on <c>images i</c> to come after an image, whose values of <see cref="Keys"/> are the parameters after0, after1…</summary>
    public string AfterAmongImages => After([.. OfImages]);

    /// <summary>The same on <c>image_members m</c>.</summary>
    public string AfterAmongShares => After([.. OfShares]);

    private static string KeysOf(IEnumerable<string> expressions) =>
        string.Join(", ", expressions.Select((expression, index) => $"{expression} AS k{index}"));

    private string After(string[] expressions)
    {
        // One comparison of whole rows lets the database start in the middle of an index; it can only be had when all keys run the same way.
        if (_terms.TrueForAll(term => term.Descending == _terms[0].Descending))
        {
            var values = string.Join(", ", expressions.Select((_, index) => $"@after{index}"));
            return $"({string.Join(", ", expressions)}) {Past(_terms[0].Descending)} ({values})";
        }

        var alternatives = expressions.Select((last, count) =>
        {
            var equal = expressions.Take(count).Select((expression, index) => $"{expression} = @after{index} AND ");
            return $"{string.Concat(equal)}{last} {Past(_terms[count].Descending)} @after{count}";
        });
        return $"({string.Join(" OR ", alternatives)})";
    }

    private static string Direction(bool descending) => descending ? " DESC" : "";

    private static string Past(bool descending) => descending ? "<" : ">";

    private static string? IndexOf(IReadOnlyList<ImageSort> sort)
    {
        if (sort.Count == 0)
            return "created";

        // The tie-breakers follow the first key; only with keys that are them in another order or direction is it another walk.
        var then = sort[0].Column == ImageColumn.CreatedAt ? ImageColumn.Id : ImageColumn.CreatedAt;
        if (sort.Count > 1 && (sort.Count > 2 || sort[1].Column != then || sort[1].Descending != sort[0].Descending))
            return null;
        return sort[0].Column switch
        {
            ImageColumn.CreatedAt => "created",
            ImageColumn.Name => "name",
            ImageColumn.Size => "size",
            _ => null,
        };
    }

    private static string SortExpression(ImageColumn column, Dialect dialect) => column switch
    {
        ImageColumn.Name => "i.sort_name",
        ImageColumn.Size => dialect.SortSize,
        ImageColumn.Id or ImageColumn.Status or ImageColumn.MinDisk or ImageColumn.MinRam or ImageColumn.CreatedAt or ImageColumn.UpdatedAt =>
            ImageFilters.Expression(column),
        ImageColumn.VirtualSize => $"COALESCE({ImageFilters.Expression(column)}, 0)",
        _ => $"COALESCE({ImageFilters.Expression(column)}, '')",
    };
}
