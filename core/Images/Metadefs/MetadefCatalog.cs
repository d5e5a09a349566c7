using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>Namespaces of metadata definitions: what may be seen, created, changed and deleted, and by whom. Refusals are <see cref="ImageException"/>s.</summary>
public sealed partial class MetadefCatalog
{
    private readonly ImageRegistry _registry;
    private readonly MetadefAccess _access;

    internal MetadefCatalog(ImageRegistry registry, PolicyRules policy)
    {
        _registry = registry;
        _access = new MetadefAccess(policy);
    }

    /// <summary>One page of the namespaces that the caller sees.</summary>
    public async Task<MetadefPage> ListAsync(Caller caller, MetadefListing listing, CancellationToken cancellationToken)
    {
        _access.Require(caller, PolicyAction.GetMetadefNamespaces, target: null);
        var query = new MetadefQuery
        {
            Viewer = caller.Viewer,
            IsPublic = listing.IsPublic,
            ResourceTypes = listing.ResourceTypes,
            Sort = listing.Sort,
            Descending = listing.Descending,
            Limit = listing.Limit,
            After = listing.Marker is { } marker ? _access.Require(caller, marker, await _registry.Metadefs.FindAsync(marker, cancellationToken)) : null,
        };
        var page = await _registry.Metadefs.ListAsync(query, cancellationToken);
        return new MetadefPage(
            [.. page.Where(content => _access.Sees(caller, content.Namespace))],
            page.Count > 0 && page.Count == listing.Limit ? page[^1].Namespace.Name : null);
    }

    /// <summary>A namespace with all that it holds.</summary>
    /// <param name="caller">Who looks.</param>
    /// <param name="name">The namespace.</param>
    /// <param name="resourceType">Names properties as they are on this resource type; null for the plain names.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<MetadefContent> GetAsync(Caller caller, string name, string? resourceType, CancellationToken cancellationToken)
    {
        var content = await _registry.Metadefs.LoadAsync(name, cancellationToken);
        _access.Require(caller, name, content?.Namespace);
        return resourceType is null ? content! : MetadefText.Prefixed(content!, resourceType);
    }

    /// <summary>Creates a namespace with all that the text holds, or nothing.</summary>
    /// <param name="caller">Its owner, unless an administrator names another.</param>
    /// <param name="text">In the form that <see cref="MetadefText"/> describes.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<MetadefContent> CreateAsync(Caller caller, JsonElement text, CancellationToken cancellationToken)
    {
        _access.Require(caller, PolicyAction.AddMetadefNamespace, new MetadefNamespace { Name = "", Owner = caller.ProjectId });
        MetadefText.RequireWritable(text);
        var wanted = MetadefText.ReadNamespace(text, caller.ProjectId);
        RequireOwner(caller, wanted.Namespace);
        foreach (var kind in wanted.Parts.Select(part => part.Kind).Distinct())
        {
            _access.Require(caller, RulesOf(kind).Add, wanted.Namespace);
        }

        return await _registry.WriteAsync((tx, ct) => InsertAsync(tx.Metadefs, wanted, ct), cancellationToken);
    }

    /// <summary>Replaces the attributes of a namespace; what it holds stays.</summary>
    public Task<MetadefNamespace> ReplaceAsync(Caller caller, string name, JsonElement text, CancellationToken cancellationToken) => _registry.WriteAsync(
        async (tx, ct) =>
        {
            var before = _access.Require(caller, name, await tx.Metadefs.FindAsync(name, ct), PolicyAction.ModifyMetadefNamespace);
            MetadefText.RequireWritable(text);
            var wanted = MetadefText.ReadNamespace(text, caller.ProjectId).Namespace with { Id = before.Id };
            if (wanted.Owner != before.Owner)
            {
                RequireOwner(caller, wanted);
            }

            if (wanted.Name != name && await tx.Metadefs.FindAsync(wanted.Name, ct) is not null)
            {
                throw MetadefRefusals.NamespaceExists(wanted.Name);
            }

            return await tx.Metadefs.UpdateAsync(wanted, ct) ?? throw MetadefRefusals.NoSuchNamespace(name);
        },
        cancellationToken);

    /// <summary>Deletes a namespace and all that it holds.</summary>
    public Task DeleteAsync(Caller caller, string name, CancellationToken cancellationToken) => _registry.WriteAsync(
        async (tx, ct) =>
        {
            var found = _access.Require(caller, name, await tx.Metadefs.FindAsync(name, ct), PolicyAction.DeleteMetadefNamespace);
            return found.Protected ? throw MetadefRefusals.NamespaceProtected(name) : await tx.Metadefs.DeleteAsync(found.Id, ct);
        },
        cancellationToken);

    /// <summary>Every resource type that is known.</summary>
    public Task<IReadOnlyList<MetadefResourceType>> ListResourceTypesAsync(Caller caller, CancellationToken cancellationToken)
    {
        _access.Require(caller, PolicyAction.ListMetadefResourceTypes, target: null);
        return _registry.Metadefs.ListResourceTypesAsync(cancellationToken);
    }

    private static void RequireOwner(Caller caller, MetadefNamespace wanted)
    {
        if (!caller.IsAdmin && wanted.Owner != caller.ProjectId)
        {
            throw new ImageException(ImageError.Forbidden, $"You are not permitted to create namespaces owned by '{wanted.Owner}'.");
        }
    }

    private static async Task<MetadefContent> InsertAsync(MetadefTransaction metadefs, MetadefContent wanted, CancellationToken cancellationToken)
    {
        var stored = await metadefs.InsertAsync(wanted.Namespace, cancellationToken) ?? throw MetadefRefusals.NamespaceExists(wanted.Namespace.Name);
        foreach (var part in wanted.Parts)
        {
            await metadefs.InsertPartAsync(stored.Id, part, cancellationToken);
        }

        return new MetadefContent(stored, await metadefs.ListPartsAsync(stored.Id, null, cancellationToken));
    }
}
