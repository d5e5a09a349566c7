namespace GlanceGateway.Registry.Sql;

// What Dapper fills for metadata definitions.

internal sealed class MetadefNamespaceRow
{
    /// <summary>The columns under the names of the properties, from <c>metadef_namespaces n</c>.</summary>
    public const string Columns = """
        n.id AS Id, n.name AS Name, n.display_name AS DisplayName, n.description AS Description, n.public AS IsPublic,
        n.protected AS Protected, n.owner AS Owner, n.created_at AS CreatedAt, n.updated_at AS UpdatedAt
        """;

    public long Id { get; init; }

    public required string Name { get; init; }

    public string? DisplayName { get; init; }

    public string? Description { get; init; }

    public long IsPublic { get; init; }

    public long Protected { get; init; }

    public string? Owner { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }

    public static MetadefNamespaceRow Of(MetadefNamespace given, long now) => new()
    {
        Id = given.Id,
        Name = given.Name,
        DisplayName = given.DisplayName,
        Description = given.Description,
        IsPublic = given.IsPublic ? 1 : 0,
        Protected = given.Protected ? 1 : 0,
        Owner = given.Owner,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public MetadefNamespace ToNamespace() => new()
    {
        Id = Id,
        Name = Name,
        DisplayName = DisplayName,
        Description = Description,
        IsPublic = IsPublic != 0,
        Protected = Protected != 0,
        Owner = Owner,
        CreatedAt = Words.Time(CreatedAt),
        UpdatedAt = Words.Time(UpdatedAt),
    };
}

internal sealed class MetadefPartRow
{
    /// <summary>The columns under the names of the properties.</summary>
    public const string Columns =
        "id AS Id, namespace_id AS NamespaceId, kind AS Kind, name AS Name, definition AS Definition, created_at AS CreatedAt, updated_at AS UpdatedAt";

    public long Id { get; init; }

    public long NamespaceId { get; init; }

    public required string Kind { get; init; }

    public required string Name { get; init; }

    public required string Definition { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }

    /// <summary>The word for a kind.</summary>
    public static string Of(MetadefPartKind kind) => kind switch
    {
        MetadefPartKind.Property => "property",
        MetadefPartKind.PropertyObject => "object",
        MetadefPartKind.Tag => "tag",
        MetadefPartKind.ResourceType => "resource_type",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such kind of part"),
    };

    public MetadefPart ToPart() => new(KindOf(Kind), Name, Definition)
    {
        Id = Id,
        NamespaceId = NamespaceId,
        CreatedAt = Words.Time(CreatedAt),
        UpdatedAt = Words.Time(UpdatedAt),
    };

    private static MetadefPartKind KindOf(string word) => word switch
    {
        "property" => MetadefPartKind.Property,
        "object" => MetadefPartKind.PropertyObject,
        "tag" => MetadefPartKind.Tag,
        "resource_type" => MetadefPartKind.ResourceType,
        _ => throw new RegistryException($"The registry holds the word '{word}', which this version does not know: use the version that wrote it, or newer."),
    };
}

internal sealed class MetadefResourceTypeRow
{
    public required string Name { get; init; }

    public long CreatedAt { get; init; }

    public long UpdatedAt { get; init; }
}
