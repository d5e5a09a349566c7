using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Which namespaces a list shows.</summary>
/// <param name="Limit">At most so many.</param>
public sealed record MetadefListing(int Limit)
{
    /// <summary>Only public or only private namespaces; null for both.</summary>
    public bool? IsPublic { get; init; }

    /// <summary>Only namespaces that apply to one of these resource types; empty for all.</summary>
    public IReadOnlyList<string> ResourceTypes { get; init; } = [];

    /// <summary>The sort key.</summary>
    public MetadefColumn Sort { get; init; }

    /// <summary>Whether the greatest comes first.</summary>
    public bool Descending { get; init; } = true;

    /// <summary>The name of the last namespace of the page before; null for the first page.</summary>
    public string? Marker { get; init; }
}

/// <summary>One page of namespaces, each with its resource types.</summary>
/// <param name="Namespaces">Those that the caller sees.</param>
/// <param name="Next">The marker of the next page; null when this may be the last.</param>
public sealed record MetadefPage(IReadOnlyList<MetadefContent> Namespaces, string? Next);
