namespace GlanceGateway.Registry;

/// <summary>What a list of namespaces can be sorted by.</summary>
public enum MetadefColumn
{
    /// <summary>The time of creation.</summary>
    CreatedAt,

    /// <summary>The time of the last change.</summary>
    UpdatedAt,

    /// <summary>The name.</summary>
    Name,

    /// <summary>What people call it; none sorts as the empty text.</summary>
    DisplayName,

    /// <summary>The owner; none sorts as the empty text.</summary>
    Owner,

    /// <summary>The row's id: the order of creation.</summary>
    Id,
}

/// <summary>One page of a list of namespaces.</summary>
public sealed record MetadefQuery
{
    /// <summary>Who looks: sees public namespaces, own ones, and those that nobody owns.</summary>
    public required ImageViewer Viewer { get; init; }

    /// <summary>Only public or only private namespaces; null for both.</summary>
    public bool? IsPublic { get; init; }

    /// <summary>Only namespaces that apply to one of these resource types; empty for all.</summary>
    public IReadOnlyList<string> ResourceTypes { get; init; } = [];

    /// <summary>The sort key; ties go by id.</summary>
    public MetadefColumn Sort { get; init; }

    /// <summary>Whether the greatest comes first.</summary>
    public bool Descending { get; init; } = true;

    /// <summary>The last namespace of the page before; null for the first page.</summary>
    public MetadefNamespace? After { get; init; }

    /// <summary>At most so many.</summary>
    public required int Limit { get; init; }
}
