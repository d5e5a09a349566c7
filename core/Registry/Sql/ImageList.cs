using System.Data.Common;
using System.Globalization;
using Dapper;

namespace GlanceGateway.Registry.Sql;

// One page of images, at a cost that does not depend on how many images there are.
//
// "What this viewer may see" as one condition (public OR own OR shared with me …) leaves the database no index to walk: it would read and sort
// every image for each page. So the set is cut into branches that do not overlap and that fix whatever comes before the sort keys in an index:
//
//     SELECT id, k0, k1 FROM images WHERE visibility = 'public' AND list_state = 1 AND (k0, k1) < marker ORDER BY k0, k1 LIMIT n
//     UNION ALL … one for each visibility of the viewer's own images, and of images that nobody owns
//     SELECT image_id, k0, k1 FROM image_members WHERE member_id = … AND status = 'accepted' AND image_state = 1 AND (k0, k1) < marker …
//
// Each branch is read along its index, only as far as the merged page needs it, and n rows are then read in full.
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
// Filters are tried along these walks, where the images that pass are many; those that few images pass have their own ways:
// * a tag, a property or a name that few have: the images are found by it (RareFilter), and one branch tries and sorts them;
// * a name, in the list by time or by name: the walk is along the index by name, in which the images of a name lie by time;
// * one status other than active: the walks are along indexes of such images only.
//
// Members keep the sort keys, status and list_state of their image, as image_state: 0 where the image is not shared or is the member's own, and
// 10 more where nobody owns it, so that those are not in two branches. What else a filter asks is looked up in the image.
//
// What is not flat: sort keys other than created_at, name and size, several statuses, and other filters that few images pass. Lists end at a
// time-out.
internal sealed class ImageList
{
    private const int Listed = 1;
    private const int Hidden = 2;
    private const int WaitingToBeDeleted = 3;

    /// <summary>What image_state is more than list_state where nobody owns the image.</summary>
    private const int OfNobody = 10;

    private const string Own = "i.owner = @project";
    private const string Nobodys = "i.owner IS NULL";

    /// <summary>The very condition of the indexes of images that are not ready, which are planned with only where it stands word by word.</summary>
    private const string Unready = "i.status NOT IN ('active', 'killed', 'deleted')";

    /// <summary>The same of members.</summary>
    private const string UnreadyShares = "m.image_status NOT IN ('active', 'killed', 'deleted')";

    private readonly ImageQuery _query;
    private readonly Dialect _dialect;
    private readonly ImageOrder _order;
    private readonly DynamicParameters _parameters = new();

    private ImageList(ImageQuery query, Dialect dialect)
    {
        _query = query;
        _dialect = dialect;
        _order = new ImageOrder(ImageFilters.OneName(query) is null ? query.Sort : WithoutName(query.Sort), dialect);
        _parameters.Add("project", query.Viewer.ProjectId);
        _parameters.Add("member_status", query.MemberStatus is { } status ? Words.Of(status) : null);
        _parameters.Add("limit", query.Limit);
    }

    public static async Task<IReadOnlyList<Image>> ReadAsync(DbConnection connection, ImageQuery query, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(query.Limit);
        if (await StatementAsync(connection, query, cancellationToken) is not var (sql, parameters))
            return [];
        var rows = await connection.RowsAsync<ImageRow>(sql, parameters, cancellationToken);
        return await ImageReads.CompleteAsync(connection, rows, cancellationToken);
    }

    /// <summary>The statement of a page; null when nothing is on it.</summary>
    internal static async Task<(string Sql, DynamicParameters Parameters)?> StatementAsync(
        DbConnection connection, ImageQuery query, CancellationToken cancellationToken)
    {
        var list = new ImageList(query, Dialect.Of(connection));
        if (query.Marker is not null)
            await list.StartAfterAsync(connection, query.Marker, cancellationToken);
        if (query.Limit == 0 || ImageFilters.FindNothing(query))
            return null;
        var rare = ImageFilters.NameIds(query)
            ? null
            : await RareFilter.FindAsync(connection, query, byName: !list.WalksAlongOneName, cancellationToken);
        return (list.Statement(rare), list._parameters);
    }

    /// <summary>Images that all have one name: it says nothing about their order, and a walk among them begins at the marker's time.</summary>
    private static List<ImageSort> WithoutName(IReadOnlyList<ImageSort> sort)
    {
        var others = sort.Where(key => key.Column != ImageColumn.Name).ToList();
        return others.Count > 0 || sort.Count == 0 ? others : [new ImageSort(ImageColumn.CreatedAt, sort[0].Descending)];
    }

    /// <summary>The images of one name lie by time in the indexes by name.</summary>
    private bool WalksAlongOneName => ImageFilters.OneName(_query) is not null && _order.Index is "created";

    private string Statement(RareFilter? rare)
    {
        var conditions = ImageFilters.Conditions(_query, _dialect, _parameters);
        if (_query.Marker is not null)
            conditions.Add(_order.AfterAmongImages);
        var branches = rare is null ? Walks(conditions) : [Found(rare, conditions)];

        // A viewer without a project who asks for its own images asks for none.
        if (branches.Count == 0)
            branches.Add(Branch("images i", ["1 = 0", IsIn(Listed)], conditions));
        return $"""
            SELECT {ImageRow.Columns}
            FROM ({Merged(branches)}) page
            {_dialect.JoiningImages("page.page_id")}
            WHERE i.id = page.page_id
            ORDER BY {_order.OverKeys}
            """;
    }

    private List<string> Walks(List<string> conditions)
    {
        var branches = new List<string>();
        List<string> walked = [.. conditions];
        if (WalksAlongOneName)
            walked.Add($"i.sort_name = @filter{ImageFilters.OneName(_query)!.Value.Index}");
        if (ImageFilters.AskForUnready(_query) is not null)
            walked.Add(Unready);
        foreach (var state in States())
            branches.AddRange(Visible().Select(visible => Branch(_dialect.Along("images i", IndexOf(visible)), [visible, IsIn(state)], walked)));
        if (SharedWithViewer() is { } shared)
            branches.AddRange(IndexOfShares() is { } index ? SharesAlong(index) : SharesByMembership(shared, conditions));
        return branches;
    }

    /// <summary>The images shared with the viewer, along an index of members: a branch for each status and state.</summary>
    private IEnumerable<string> SharesAlong(string index)
    {
        var walked = ImageFilters.Conditions(_query, _dialect, _parameters, ofMembers: true);
        if (_query.Marker is not null)
            walked.Add(_order.AfterAmongShares);
        if (WalksAlongOneName)
            walked.Add($"m.image_name = @filter{ImageFilters.OneName(_query)!.Value.Index}");
        if (ImageFilters.AskForUnready(_query) is { } unready)
            walked.AddRange([UnreadyShares, $"m.image_status = @filter{unready}"]);
        var tables = _dialect.Along("image_members m", index);
        if (ImageFilters.NeedImage(_query))
        {
            tables += $" {_dialect.JoiningImages("m.image_id")}";
            walked.Add("i.id = m.image_id");
        }

        var states = _query.Visibility == VisibilityFilter.Shared ? States().SelectMany(state => new[] { state, state + OfNobody }) : States();
        var statuses = _query.MemberStatus is null ? Enum.GetValues<MemberStatus>() : [_query.MemberStatus.Value];
        return
            from status in statuses
            from state in states
            let path = $"m.member_id = @project AND m.status = '{Words.Of(status)}' AND m.image_state = {state.ToString(CultureInfo.InvariantCulture)}"
            select Branch(tables, [path], walked, "m.image_id", _order.KeysOfShares, _order.OverShares);
    }

    /// <summary>The images shared with the viewer, each looked up and tried.</summary>
    private IEnumerable<string> SharesByMembership(string shared, List<string> conditions)
    {
        var found = $"image_members f {_dialect.JoiningImages("f.image_id")}";
        return States().Select(state => Branch(found, [$"{Membership("f")} AND i.id = f.image_id AND {shared}", IsIn(state)], conditions));
    }

    /// <summary>The few images that a filter finds, each tried for whether the viewer may see it.</summary>
    private string Found(RareFilter rare, List<string> conditions)
    {
        var visible = Visible();
        if (SharedWithViewer() is { } shared)
            visible.Add($"{shared} AND EXISTS (SELECT 1 FROM image_members m WHERE m.image_id = i.id AND {Membership("m")})");
        if (visible.Count == 0)
            visible.Add("1 = 0");
        return Branch(rare.From, [rare.Condition, AnyOf(visible), AnyOf(States().Select(IsIn))], conditions);

        static string AnyOf(IEnumerable<string> alternatives) => $"({string.Join(" OR ", alternatives.Select(alternative => $"({alternative})"))})";
    }

    private string Branch(string from, IEnumerable<string> path, List<string> conditions) =>
        Branch(from, path, conditions, "i.id", _order.Keys, _order.OverImages);

    private string Branch(string from, IEnumerable<string> path, List<string> conditions, string id, string keys, string order)
    {
        var branch = $"""
            SELECT {id} AS page_id, {keys} FROM {from}
            WHERE {string.Join(" AND ", path.Concat(conditions))}
            """;
        return _dialect.MergesByItself ? branch : $"SELECT * FROM ({branch}\nORDER BY {order} LIMIT @limit) b";
    }

    /// <summary>The first of all branches.</summary>
    private string Merged(List<string> branches)
    {
        var all = string.Join("\nUNION ALL ", branches);
        return _dialect.MergesByItself
            ? $"{all}\nORDER BY {_order.OverKeys} LIMIT @limit"
            : $"SELECT * FROM ({all}) u ORDER BY {_order.OverKeys} LIMIT @limit";
    }

    /// <summary>The index to walk along; null where there is none for the order, or where ids say which images.</summary>
    private string? IndexOf(string visible)
    {
        if (_order.Index is not { } order || ImageFilters.NameIds(_query))
            return null;
        if (WalksAlongOneName)
            order = "name";
        var of = visible.StartsWith("i.owner", StringComparison.Ordinal) ? "owner" : "visibility";
        return ImageFilters.AskForUnready(_query) is not null ? $"images_unready_by_{of}_{order}" : $"images_by_{of}_{order}";
    }

    /// <summary>The index of members to walk along; null as in <see cref="IndexOf"/>.</summary>
    private string? IndexOfShares()
    {
        if (_order.Index is not { } order || ImageFilters.NameIds(_query))
            return null;
        return $"image_members_{(ImageFilters.AskForUnready(_query) is not null ? "unready_" : "")}by_{(WalksAlongOneName ? "name" : order)}";
    }

    private static string IsIn(int state) => $"i.list_state = {state.ToString(CultureInfo.InvariantCulture)}";

    private IEnumerable<int> States()
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

    /// <summary>Which images the viewer may see by membership alone, so that they are in no other branch; null when the list has none.</summary>
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
        return others is null ? null : $"{others} AND i.visibility = 'shared'";
    }

    private string Membership(string member) =>
        $"{member}.member_id = @project{(_query.MemberStatus is null ? "" : $" AND {member}.status = @member_status")}";

    /// <summary>Has the page start after the marker, which must be an image that the viewer may see by id.</summary>
    private async Task StartAfterAsync(DbConnection connection, string marker, CancellationToken cancellationToken)
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
        if (row is not IDictionary<string, object> keys)
            throw new UnknownMarkerException(marker);
        foreach (var (index, value) in keys.Values.Index())
            _parameters.Add($"after{index}", value);
    }
}
