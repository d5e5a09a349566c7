namespace GlanceGateway.Registry;

/// <summary>What a unit of work can do to metadata definitions. Valid inside it only.</summary>
public abstract class MetadefTransaction
{
    /// <summary>A namespace by name; null when there is none.</summary>
    public abstract Task<MetadefNamespace?> FindAsync(string name, CancellationToken cancellationToken);

    /// <summary>What a namespace holds, in the order of creation; null for every kind.</summary>
    public abstract Task<IReadOnlyList<MetadefPart>> ListPartsAsync(long namespaceId, MetadefPartKind? kind, CancellationToken cancellationToken);

    /// <summary>Inserts an empty namespace; times and id are set here.</summary>
    /// <returns>The namespace as stored; null when the name is taken.</returns>
    public abstract Task<MetadefNamespace?> InsertAsync(MetadefNamespace added, CancellationToken cancellationToken);

    /// <summary>Saves a namespace by its id.</summary>
    /// <returns>The namespace as stored; null when it is gone.</returns>
    public abstract Task<MetadefNamespace?> UpdateAsync(MetadefNamespace changed, CancellationToken cancellationToken);

    /// <summary>Deletes a namespace and all that it holds; false when it was gone.</summary>
    public abstract Task<bool> DeleteAsync(long namespaceId, CancellationToken cancellationToken);

    /// <summary>Adds something to a namespace; times and id are set here. A resource type that is new becomes known.</summary>
    /// <returns>The part as stored; null when its name is taken.</returns>
    public abstract Task<MetadefPart?> InsertPartAsync(long namespaceId, MetadefPart part, CancellationToken cancellationToken);

    /// <summary>Saves name and definition of a part by its id.</summary>
    /// <returns>The part as stored; null when it is gone.</returns>
    public abstract Task<MetadefPart?> UpdatePartAsync(MetadefPart part, CancellationToken cancellationToken);

    /// <summary>Deletes what a namespace holds of a kind, all or the one of a name.</summary>
    /// <returns>How many went.</returns>
    public abstract Task<int> DeletePartsAsync(long namespaceId, MetadefPartKind kind, string? name, CancellationToken cancellationToken);

    /// <summary>Makes a resource type known; nothing happens when it is.</summary>
    public abstract Task AddResourceTypeAsync(string name, CancellationToken cancellationToken);

    /// <summary>Whether any resource type is known, which it is for ever once definitions were loaded.</summary>
    public abstract Task<bool> HasResourceTypesAsync(CancellationToken cancellationToken);
}
