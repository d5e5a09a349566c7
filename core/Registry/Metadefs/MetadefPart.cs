namespace GlanceGateway.Registry;

/// <summary>What a namespace can hold.</summary>
public enum MetadefPartKind
{
    /// <summary>The definition of a property.</summary>
    Property,

    /// <summary>Properties that go together.</summary>
    PropertyObject,

    /// <summary>A word.</summary>
    Tag,

    /// <summary>A resource type to which the namespace applies.</summary>
    ResourceType,
}

/// <summary>Something that a namespace holds.</summary>
/// <param name="Kind">What it is; its name is unique among these of the namespace.</param>
/// <param name="Name">At most 80 characters.</param>
/// <param name="Definition">A JSON object with all but the name; the registry does not look into it.</param>
public sealed record MetadefPart(MetadefPartKind Kind, string Name, string Definition)
{
    /// <summary>The row's id, which grows with every insert; 0 before it is inserted.</summary>
    public long Id { get; init; }

    /// <summary>The id of the namespace that holds it.</summary>
    public long NamespaceId { get; init; }

    /// <summary>When it was created, to the microsecond.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it last changed, to the microsecond.</summary>
    public DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>A resource type that some namespace was ever associated with.</summary>
public sealed record MetadefResourceType(string Name, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

/// <summary>A namespace with all that it holds, each kind in the order in which it was added.</summary>
public sealed record MetadefContent(MetadefNamespace Namespace, IReadOnlyList<MetadefPart> Parts)
{
    /// <summary>What it holds of a kind.</summary>
    public IEnumerable<MetadefPart> Of(MetadefPartKind kind) => Parts.Where(part => part.Kind == kind);
}
