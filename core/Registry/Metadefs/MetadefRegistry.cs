using GlanceGateway.Registry.Database;
using GlanceGateway.Registry.Sql;

namespace GlanceGateway.Registry;

/// <summary>Reads metadata definitions, each read on one snapshot. Safe for concurrent use.</summary>
public sealed class MetadefRegistry
{
    private readonly IRegistryEngine _engine;

    internal MetadefRegistry(IRegistryEngine engine) => _engine = engine;

    /// <summary>A namespace by name; null when there is none.</summary>
    public Task<MetadefNamespace?> FindAsync(string name, CancellationToken cancellationToken) =>
        _engine.ReadAsync((connection, token) => MetadefReads.FindAsync(connection, name, token), cancellationToken);

    /// <summary>A namespace with all that it holds; null when there is none.</summary>
    public Task<MetadefContent?> LoadAsync(string name, CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) => await MetadefReads.FindAsync(connection, name, token) is { } found
            ? new MetadefContent(found, await MetadefReads.PartsAsync(connection, [found.Id], null, token))
            : null,
        cancellationToken);

    /// <summary>One page of namespaces, each with the resource types to which it applies and nothing else of what it holds.</summary>
    public Task<IReadOnlyList<MetadefContent>> ListAsync(MetadefQuery query, CancellationToken cancellationToken) => _engine.ReadAsync(
        async (connection, token) =>
        {
            var page = await MetadefReads.ListAsync(connection, query, token);
            var types = (await MetadefReads.PartsAsync(connection, [.. page.Select(found => found.Id)], MetadefPartKind.ResourceType, token))
                .ToLookup(part => part.NamespaceId);
            return (IReadOnlyList<MetadefContent>)[.. page.Select(found => new MetadefContent(found, [.. types[found.Id]]))];
        },
        cancellationToken);

    /// <summary>Every resource type that is known, oldest first.</summary>
    public Task<IReadOnlyList<MetadefResourceType>> ListResourceTypesAsync(CancellationToken cancellationToken) =>
        _engine.ReadAsync(MetadefReads.ResourceTypesAsync, cancellationToken);
}
