namespace GlanceGateway.Registry;

/// <summary>A namespace of metadata definitions, without what it holds.</summary>
public sealed record MetadefNamespace
{
    /// <summary>The row's id; 0 before it is inserted.</summary>
    public long Id { get; init; }

    /// <summary>Unique in the registry, at most 80 characters.</summary>
    public required string Name { get; init; }

    /// <summary>What people call it; at most 80 characters.</summary>
    public string? DisplayName { get; init; }

    /// <summary>What it is about; at most 500 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Whether everybody sees it, or only its owner.</summary>
    public bool IsPublic { get; init; }

    /// <summary>Whether it and what it holds cannot be deleted.</summary>
    public bool Protected { get; init; }

    /// <summary>The owning project's id; null is owned by nobody and visible to all.</summary>
    public string? Owner { get; init; }

    /// <summary>When it was created, to the microsecond.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its attributes last changed, to the microsecond.</summary>
    public DateTimeOffset UpdatedAt { get; init; }
}
