using System.Data.Common;
using Dapper;

namespace GlanceGateway.Registry.Sql;

// One page of images, at a cost that does not depend on how many images there are.
//
// "What this viewer may see" as one condition (public OR own OR shared with me …) leaves the database no index to walk: it would read and sort
// every image for each page. So the set is cut into branches that do not overlap and that fix whatever comes before the sort keys in an index:
//
//     SELECT id, k0, k1 FROM images WHERE visibility = 'public' AND list_state = 1 AND (k0, k1) < marker ORDER BY k0, k1 LIMIT n
//     UNION ALL … one for each visibility of the viewer's own images, of images that nobody owns, and one for those shared with the viewer
//
// Each branch reads at most n entries of its index, the union sorts at most n times the number of branches, and n rows are then read in full.
//
// Invariants
// * Branches never overlap, so no image appears twice; together they are exactly the table of the Images API's visibility rules:
//   - all public images; community ones only when asked for or owned by the viewer;
//   - every image of the viewer's project, whatever its visibility;
//   - images that nobody owns, except community ones, in lists that do not ask for one visibility;
//   - images with visibility "shared" of which the viewer is a member under the asked-for status; membership counts for no other visibility;
//   - for administrators everything, less other projects' community images in the default list.
// * list_state 1 is what lists show, 2 hidden images; deleted and killed ones (0) never appear, and images waiting for their data to be
//   deleted (3) only when an administrator asks for that status.
// * The sort keys end in created_at and id, so the order is total and a page starts exactly after its marker, even when the marker changed
//   its place or is itself not in the list any more.
//
// What is not flat: sort keys other than created_at and name, filters that few images pass, images found by a tag (as many as carry it) and
// images shared with the viewer (as many as there are).
internal sealed class ImageList
{
    private const string Listed = "i.list_state = 1";
    private const string Hidden = "i.list_state = 2";
    private const string WaitingToBeDeleted = "i.list_state = 3";
    private const string Own = "i.owner = @project";
    private const string Nobodys = "i.owner IS NULL";

    private readonly ImageQuery _query;
    private readonly Dialect _dialect;
    private readonly ImageOrder _order;
    private readonly DynamicParameters _parameters = new();

    private ImageList(ImageQuery query, Dialect dialect)
    {
        _query = query;
        _dialect = dialect;
        _order = new ImageOrder(query.Sort);
        _parameters.Add("project", query.Viewer.ProjectId);
        _parameters.Add("member_status", query.MemberStatus is { } status ? Words.Of(status) : null);
        _parameters.Add("limit", query.Limit);
    }

    public static async Task<IReadOnlyList<Image>> ReadAsync(DbConnection connection, ImageQuery query, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(query.Limit);
        var list = new ImageList(query, Dialect.Of(connection));
        var after = query.Marker is null ? null : await list.AfterMarkerAsync(connection, query.Marker, cancellationToken);
        if (query.Limit == 0 || ImageFilters.FindNothing(query))
            return [];
        var (sql, parameters) = list.Statement(after);
        var rows = await connection.RowsAsync<ImageRow>(sql, parameters, cancellationToken);
        return await ImageReads.CompleteAsync(connection, rows, cancellationToken);
    }

    /// <summary>The statement of a first page, for a look at its plan.</summary>
    internal static (string Sql, DynamicParameters Parameters) Statement(ImageQuery query, Dialect dialect) => new ImageList(query, dialect).Statement(after: null);

    private (string Sql, DynamicParameters Parameters) Statement(string? after)
    {
        var byTag = _query.Tags.Count > 0;
        var conditions = ImageFilters.Conditions(_query, firstTagToo: false, _parameters);
        if (after is not null)
            conditions.Add(after);

        // Images are found by tag or membership, never tried one by one.
        var found = $"f {_dialect.JoiningImages("f.image_id")}";
        var branches = States().SelectMany(state => Visible().Select(visible => Branch(
            byTag ? $"image_tags {found}" : "images i",
            [byTag ? "f.tag = @tag0 AND i.id = f.image_id AND" : "", visible, state], conditions))).ToList();
        if (SharedWithViewer() is { } membership)
        {
            if (byTag)
                conditions.Add("EXISTS (SELECT 1 FROM image_tags t WHERE t.image_id = i.id AND t.tag = @tag0)");
            branches.AddRange(States().Select(state => Branch($"image_members {found}", ["", membership, state], conditions)));
        }

        // A viewer without a project who asks for its own images asks for none.
        if (branches.Count == 0)
            branches.Add(Branch("images i", ["", "1 = 0", Listed], conditions));
        return (
            $"""
            SELECT {ImageRow.Columns}
            FROM (SELECT * FROM ({string.Join("\nUNION ALL ", branches)}) u ORDER BY {_order.OverKeys} LIMIT @limit) page
            {_dialect.JoiningImages("page.page_id")}
            WHERE i.id = page.page_id
            ORDER BY {_order.OverKeys}
            """, _parameters);
    }

    private string Branch(string from, ReadOnlySpan<string> path, List<string> conditions) =>
        $"""
        SELECT * FROM (SELECT i.id AS page_id, {_order.Keys} FROM {from}
        WHERE {path[0]} {path[1]} AND {path[2]}{string.Concat(conditions.Select(condition => $" AND {condition}"))}
        ORDER BY {_order.OverImages} LIMIT @limit) b
        """;

    private IEnumerable<string> States()
    {
        if (_query.Hidden != true)
            yield return Listed;
        if (_query.Hidden != false)
            yield return Hidden;
        if (_query.Viewer.SeesEverything && ImageFilters.Names(_query, ImageStatus.PendingDelete))
            yield return WaitingToBeDeleted;
    }

    private List<string> Visible()
    {
        const ImageVisibility Public = ImageVisibility.Public, Community = ImageVisibility.Community;
        const ImageVisibility Shared = ImageVisibility.Shared, Private = ImageVisibility.Private;
        var all = _query.Viewer.SeesEverything;
        var own = _query.Viewer.ProjectId is not null;
        return _query.Visibility switch
        {
            VisibilityFilter.Default when all => [Is(Public), Is(Shared), Is(Private), .. Of(own, Own, Community)],
            VisibilityFilter.Default =>
                [Is(Public), .. Of(own, Own, Shared, Private, Community), .. Of(true, Nobodys, Shared, Private)],
            VisibilityFilter.All when all => [Is(Public), Is(Community), Is(Shared), Is(Private)],
            VisibilityFilter.All => [Is(Public), Is(Community), .. Of(own, Own, Shared, Private), .. Of(true, Nobodys, Shared, Private)],
            VisibilityFilter.Public => [Is(Public)],
            VisibilityFilter.Community => [Is(Community)],
            VisibilityFilter.Private => all ? [Is(Private)] : Of(own, Own, Private),
            VisibilityFilter.Shared => all ? [Is(Shared)] : Of(own, Own, Shared),
            _ => throw new ArgumentOutOfRangeException(nameof(ImageQuery.Visibility), _query.Visibility, "no such visibility filter"),
        };
    }

    private static string Is(ImageVisibility visibility, string? owner = null) =>
        $"{(owner is null ? "" : $"{owner} AND ")}i.visibility = '{Words.Of(visibility)}'";

    private static List<string> Of(bool any, string owner, params ReadOnlySpan<ImageVisibility> visibilities)
    {
        if (!any)
            return [];
        var conditions = new List<string>(visibilities.Length);
        foreach (var visibility in visibilities)
            conditions.Add(Is(visibility, owner));
        return conditions;
    }

    /// <summary>The images of others that are shared with the viewer and in no other branch; null when the list has none.</summary>
    private string? SharedWithViewer()
    {
        if (_query.Viewer.SeesEverything || _query.Viewer.ProjectId is null)
            return null;
        var others = _query.Visibility switch
        {
            VisibilityFilter.Default or VisibilityFilter.All => "i.owner <> @project",
            VisibilityFilter.Shared => "i.owner IS DISTINCT FROM @project",
            _ => null,
        };
        var status = _query.MemberStatus is null ? "" : " AND f.status = @member_status";
        return others is null ? null : $"f.member_id = @project{status} AND i.id = f.image_id AND {others} AND i.visibility = 'shared'";
    }

    /// <summary>The condition to come after the marker, which must be an image that the viewer may see by id.</summary>
    private async Task<string> AfterMarkerAsync(DbConnection connection, string marker, CancellationToken cancellationToken)
    {
        const string Visible = """
             AND (i.visibility IN ('public', 'community') OR i.owner IS NULL OR i.owner = @project OR (i.visibility = 'shared'
                AND EXISTS (SELECT 1 FROM image_members m WHERE m.image_id = i.id AND m.member_id = @project)))
            """;
        if (Words.AreUnknown(marker, _query.Viewer.ProjectId))
            throw new UnknownMarkerException(marker);
        var row = await connection.RowAsync<object>(
            $"SELECT {_order.Keys} FROM images i WHERE i.id = @marker AND i.status <> 'deleted'{(_query.Viewer.SeesEverything ? "" : Visible)}",
            new { marker, project = _query.Viewer.ProjectId }, cancellationToken);
        return row is IDictionary<string, object> keys
            ? _order.After([.. keys.Values], _parameters)
            : throw new UnknownMarkerException(marker);
    }
}
