namespace GlanceGateway.Registry;

/// <summary>For whom a list is made; the query itself leaves out what this viewer may not see.</summary>
/// <param name="ProjectId">The viewer's project; null sees only what is for everybody.</param>
/// <param name="SeesEverything">True for administrators.</param>
public sealed record ImageViewer(string? ProjectId, bool SeesEverything);

/// <summary>The columns a list can be filtered and sorted by.</summary>
public enum ImageColumn
{
    /// <summary>The id.</summary>
    Id,

    /// <summary>The name.</summary>
    Name,

    /// <summary>The status.</summary>
    Status,

    /// <summary>The disk format.</summary>
    DiskFormat,

    /// <summary>The container format.</summary>
    ContainerFormat,

    /// <summary>The size in bytes.</summary>
    Size,

    /// <summary>The virtual size in bytes.</summary>
    VirtualSize,

    /// <summary>GiB of disk needed.</summary>
    MinDisk,

    /// <summary>MiB of memory needed.</summary>
    MinRam,

    /// <summary>The owner.</summary>
    Owner,

    /// <summary>The MD5.</summary>
    Checksum,

    /// <summary>The hash algorithm.</summary>
    HashAlgorithm,

    /// <summary>The hash.</summary>
    HashValue,

    /// <summary>The time of creation.</summary>
    CreatedAt,

    /// <summary>The time of the last change.</summary>
    UpdatedAt,
}

/// <summary>How a column is compared with a value.</summary>
public enum Comparison
{
    /// <summary>Equal to the one value.</summary>
    Equal,

    /// <summary>Not equal to the one value.</summary>
    NotEqual,

    /// <summary>Greater.</summary>
    Greater,

    /// <summary>Greater or equal.</summary>
    GreaterOrEqual,

    /// <summary>Less.</summary>
    Less,

    /// <summary>Less or equal.</summary>
    LessOrEqual,

    /// <summary>Equal to any of the values.</summary>
    In,
}

/// <summary>One condition on a column.</summary>
/// <param name="Column">The column.</param>
/// <param name="Comparison">How it is compared.</param>
/// <param name="Values">One value, or any number for <see cref="Registry.Comparison.In"/>: <see cref="string"/> for text (statuses as <see cref="ImageStatus"/>),
/// <see cref="long"/> for numbers, <see cref="DateTimeOffset"/> for times.</param>
public sealed record ImageFilter(ImageColumn Column, Comparison Comparison, IReadOnlyList<object> Values);

/// <summary>One sort key.</summary>
public sealed record ImageSort(ImageColumn Column, bool Descending);

/// <summary>Which images by visibility. "The viewer's" are everybody's when the viewer sees everything.</summary>
public enum VisibilityFilter
{
    /// <summary>What a list shows that does not ask: public, own, nobody's, and shared with the viewer under <see cref="ImageQuery.MemberStatus"/>;
    /// of community images only the viewer's own. For administrators everything but other projects' community images.</summary>
    Default,

    /// <summary>All public images.</summary>
    Public,

    /// <summary>The viewer's private images.</summary>
    Private,

    /// <summary>The viewer's shared images and those shared with the viewer under <see cref="ImageQuery.MemberStatus"/>.</summary>
    Shared,

    /// <summary>All community images.</summary>
    Community,

    /// <summary>Everything that the viewer may see, other projects' community images included.</summary>
    All,
}

/// <summary>One page of a list.</summary>
public sealed record ImageQuery
{
    /// <summary>Who looks.</summary>
    public required ImageViewer Viewer { get; init; }

    /// <summary>Which images by visibility.</summary>
    public VisibilityFilter Visibility { get; init; }

    /// <summary>Which of the images shared with the viewer appear; null for all of them. Never restricts the viewer's own images.</summary>
    public MemberStatus? MemberStatus { get; init; } = Registry.MemberStatus.Accepted;

    /// <summary>False leaves hidden images out, true shows only them, null shows both.</summary>
    public bool? Hidden { get; init; } = false;

    /// <summary>Only protected or only unprotected images; null for both.</summary>
    public bool? Protected { get; init; }

    /// <summary>Conditions on columns, all of which hold.</summary>
    public IReadOnlyList<ImageFilter> Filters { get; init; } = [];

    /// <summary>Custom properties that must have these values.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Properties { get; init; } = [];

    /// <summary>Tags that must all be there.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Sort keys; the registry appends created_at and id as tie-breakers. Empty is created_at descending.</summary>
    public IReadOnlyList<ImageSort> Sort { get; init; } = [];

    /// <summary>The last image of the page before, which the viewer must be able to see; null for the first page.</summary>
    public string? Marker { get; init; }

    /// <summary>At most so many images, from 0.</summary>
    public int Limit { get; init; } = 25;
}
