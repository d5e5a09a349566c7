namespace GlanceGateway.Testing;

/// <summary>For which images a role is given a right.</summary>
public enum Grant
{
    /// <summary>None.</summary>
    No,

    /// <summary>Any, whoever owns them, and for what is about no image.</summary>
    Any,

    /// <summary>Whoever has a project may: what is shown is then that project's view.</summary>
    OfAProject,

    /// <summary>Those that the caller's project owns.</summary>
    Own,

    /// <summary>Those that are shared with the caller's project, whatever it answered.</summary>
    SharedWithUs,

    /// <summary>Those that the caller's project owns and those shared with it.</summary>
    OwnOrSharedWithUs,

    /// <summary>Those the caller reaches: its own, those shared with it, public ones, community ones, and those that nobody owns.</summary>
    Reached,

    /// <summary>Definitions that the caller's project owns, public ones, and those that nobody owns.</summary>
    OwnOrPublic,
}

/// <summary>What each role is given by a rule. A caller has what any of its roles gives.</summary>
/// <param name="Rule">Glance's name of the rule.</param>
/// <param name="Admin">Given by the role admin.</param>
/// <param name="Member">Given by the role member by itself: what members have as readers is in the next column.</param>
/// <param name="Reader">Given by the role reader.</param>
/// <param name="Service">Given by the role service.</param>
public sealed record AccessRow(string Rule, Grant Admin, Grant Member, Grant Reader, Grant Service);

/// <summary>Whom an image belongs to and how it is shared, as far as rights depend on it.</summary>
/// <param name="Owner">The owning project; null for nobody.</param>
/// <param name="Visibility">As on the wire.</param>
/// <param name="Answer">What the project <see cref="AccessTable.Sharee"/> answered (<c>pending</c>, <c>accepted</c>, <c>rejected</c>); null when it is not in the list of members.</param>
public sealed record AccessTarget(string? Owner, string Visibility, string? Answer);

/// <summary>Who asks.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Project">The project of the token; null for none.</param>
/// <param name="Roles">The roles, expanded as Keystone expands them unless the name says otherwise.</param>
public sealed record AccessPersona(string Name, string? Project, params string[] Roles)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>
/// Glance's default rights, written down for tests apart from the rules that the product evaluates: who may do what to whose images.
/// Nothing here is taken from the product, so that a slip in its rules does not repeat itself in what they are compared with.
/// </summary>
public static class AccessTable
{
    /// <summary>The project that owns the images.</summary>
    public const string Owner = "p-owner";

    /// <summary>The project in the lists of members.</summary>
    public const string Sharee = "p-member";

    private const Grant No = Grant.No;
    private const Grant Any = Grant.Any;
    private const Grant Own = Grant.Own;
    private const Grant OwnOrSharedWithUs = Grant.OwnOrSharedWithUs;
    private const Grant OwnOrPublic = Grant.OwnOrPublic;

    /// <summary>The rules about images, stores, tasks and the cache.</summary>
    public static IReadOnlyList<AccessRow> Images { get; } =
    [
        //                            admin  member              reader             service
        new("get_images",             Any,   No,                 Grant.OfAProject,  No),
        new("get_image",              Any,   No,                 Grant.Reached,     No),
        new("download_image",         Any,   Grant.Reached,      No,                No),
        new("add_image",              Any,   Own,                No,                No),
        new("modify_image",           Any,   Own,                No,                No),
        new("delete_image",           Any,   Own,                No,                No),
        new("upload_image",           Any,   Own,                No,                No),
        new("publicize_image",        Any,   No,                 No,                No),
        new("communitize_image",      Any,   Own,                No,                No),
        new("deactivate",             Any,   Own,                No,                No),
        new("reactivate",             Any,   Own,                No,                No),
        new("copy_image",             Any,   No,                 No,                No),
        new("get_image_location",     Any,   No,                 Own,               No),
        new("set_image_location",     Any,   Own,                No,                No),
        new("delete_image_location",  Any,   No,                 No,                No),
        new("add_image_location",     Any,   Own,                No,                Any),
        new("fetch_image_location",   Any,   No,                 No,                Any),
        new("add_member",             Any,   Own,                No,                No),
        new("delete_member",          Any,   Own,                No,                No),
        new("get_member",             Any,   No,                 OwnOrSharedWithUs, No),
        new("get_members",            Any,   No,                 OwnOrSharedWithUs, No),
        new("modify_member",          Any,   Grant.SharedWithUs, No,                No),
        new("cache_image",            Any,   No,                 No,                No),
        new("cache_list",             Any,   No,                 No,                No),
        new("cache_delete",           Any,   No,                 No,                No),
        new("cache_clean",            Any,   No,                 No,                No),
        new("cache_prune",            Any,   No,                 No,                No),
        new("list_cached_nodes",      Any,   No,                 No,                No),
        new("stores_info_detail",     Any,   No,                 No,                Any),
        new("tasks_api_access",       Any,   No,                 No,                No),
    ];

    /// <summary>The rules about metadata definitions.</summary>
    public static IReadOnlyList<AccessRow> Definitions { get; } =
    [
        new("get_metadef_namespaces", Any, No, Grant.OfAProject, No),
        .. new[]
        {
            "get_metadef_namespace", "get_metadef_object", "get_metadef_objects", "get_metadef_property", "get_metadef_properties",
            "get_metadef_tag", "get_metadef_tags", "get_metadef_resource_type", "list_metadef_resource_types",
        }.Select(rule => new AccessRow(rule, Any, No, OwnOrPublic, No)),
        .. new[]
        {
            "add_metadef_namespace", "modify_metadef_namespace", "delete_metadef_namespace",
            "add_metadef_object", "modify_metadef_object", "delete_metadef_object",
            "add_metadef_property", "modify_metadef_property", "remove_metadef_property",
            "add_metadef_tag", "add_metadef_tags", "modify_metadef_tag", "delete_metadef_tag", "delete_metadef_tags",
            "add_metadef_resource_type_association", "remove_metadef_resource_type_association",
        }.Select(rule => new AccessRow(rule, Any, No, No, No)),
    ];

    /// <summary>Everybody the table has something to say about.</summary>
    public static IReadOnlyList<AccessPersona> Personas { get; } =
    [
        new("admin of the project", Owner, "admin", "member", "reader"),
        new("admin of another project", "p-admin", "admin", "member", "reader"),
        new("admin of the sharee", Sharee, "admin", "member", "reader"),
        new("admin without implied roles", "p-admin", "admin"),
        new("member", Owner, "member", "reader"),
        new("member without implied roles", Owner, "member"),
        new("reader", Owner, "reader"),
        new("service", "p-service", "service"),
        new("service that is a member", "p-service", "service", "member", "reader"),
        new("member of another project", "p-stranger", "member", "reader"),
        new("reader of another project", "p-stranger", "reader"),
        new("sharee", Sharee, "member", "reader"),
        new("sharee without implied roles", Sharee, "member"),
        new("reader of the sharee", Sharee, "reader"),
        new("without roles", Owner),
        new("with a role of no meaning", Owner, "operator"),
        new("without a project", null, "member", "reader"),
    ];

    /// <summary>Every visibility with every state of the share, and images that nobody owns.</summary>
    public static IReadOnlyList<AccessTarget> Targets { get; } =
    [
        .. from owner in new[] { Owner, null }
           from visibility in new[] { "private", "shared", "community", "public" }
           from answer in new[] { null, "pending", "accepted", "rejected" }
           select new AccessTarget(owner, visibility, answer),
    ];

    /// <summary>The row of a rule.</summary>
    public static AccessRow Row(string rule) => Images.Concat(Definitions).Single(row => row.Rule == rule);

    /// <summary>Whether a rule gives somebody the right.</summary>
    /// <param name="row">The rule.</param>
    /// <param name="who">Who asks.</param>
    /// <param name="target">About what; null when it is about nothing in particular.</param>
    public static bool Gives(AccessRow row, AccessPersona who, AccessTarget? target) => who.Roles.Any(role => role switch
    {
        "admin" => Covers(row.Admin, who, target),
        "member" => Covers(row.Member, who, target),
        "reader" => Covers(row.Reader, who, target),
        "service" => Covers(row.Service, who, target),
        _ => false,
    });

    /// <summary>Whether an image is shared with the caller's project: it is in the list, with any answer, and the image is a shared one of another's.</summary>
    public static bool IsSharedWith(AccessPersona who, AccessTarget target) =>
        target is { Visibility: "shared", Answer: not null } && who.Project == Sharee && target.Owner != who.Project;

    /// <summary>Whether the image exists for somebody, asked for by its id: the right to see it, and the fence around data that no rule opens.</summary>
    public static bool Sees(AccessPersona who, AccessTarget target) => Gives(Row("get_image"), who, target);

    private static bool Covers(Grant grant, AccessPersona who, AccessTarget? target)
    {
        var own = target?.Owner is { } owner && owner == who.Project;
        var shared = target is not null && IsSharedWith(who, target);
        return grant switch
        {
            Grant.No => false,
            Grant.Any => true,
            Grant.OfAProject => who.Project is not null,
            Grant.Own => own,
            Grant.SharedWithUs => shared,
            Grant.OwnOrSharedWithUs => own || shared,
            Grant.Reached => own || shared || target is { Owner: null } or { Visibility: "public" or "community" },
            Grant.OwnOrPublic => own || target is { Owner: null } or { Visibility: "public" },
            _ => throw new ArgumentOutOfRangeException(nameof(grant)),
        };
    }
}
