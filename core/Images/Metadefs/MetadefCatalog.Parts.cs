using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>What namespaces hold.</summary>
public sealed partial class MetadefCatalog
{
    /// <summary>Everything of a kind that a namespace holds, oldest first.</summary>
    public async Task<IReadOnlyList<MetadefPart>> ListPartsAsync(Caller caller, string name, MetadefPartKind kind, CancellationToken cancellationToken)
    {
        var content = await _registry.Metadefs.LoadAsync(name, cancellationToken);
        var rules = RulesOf(kind);
        _access.Require(caller, name, content?.Namespace, rules.List, rules.Get);
        return [.. content!.Of(kind)];
    }

    /// <summary>One thing that a namespace holds.</summary>
    /// <param name="caller">Who looks.</param>
    /// <param name="name">The namespace.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="partName">Its name.</param>
    /// <param name="resourceType">For a property: its name is the one that it has on this resource type; null for the plain name.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<MetadefPart> GetPartAsync(
        Caller caller, string name, MetadefPartKind kind, string partName, string? resourceType, CancellationToken cancellationToken)
    {
        var content = await _registry.Metadefs.LoadAsync(name, cancellationToken);
        _access.Require(caller, name, content?.Namespace, RulesOf(kind).Get);
        if (resourceType is not null)
        {
            var association = content!.Of(MetadefPartKind.ResourceType).FirstOrDefault(type => type.Name == resourceType)
                ?? throw MetadefRefusals.Missing(name, MetadefPartKind.ResourceType, resourceType);
            if (MetadefText.Prefix(association) is { } prefix)
            {
                partName = partName.StartsWith(prefix, StringComparison.Ordinal) ? partName[prefix.Length..] : throw MetadefRefusals.NoPrefix(partName, prefix);
            }
        }

        return content!.Of(kind).FirstOrDefault(part => part.Name == partName) ?? throw MetadefRefusals.Missing(name, kind, partName);
    }

    /// <summary>Adds something to a namespace.</summary>
    public Task<MetadefPart> AddPartAsync(Caller caller, string name, MetadefPartKind kind, JsonElement text, CancellationToken cancellationToken) =>
        AddPartAsync(caller, name, kind, () => Read(kind, text), cancellationToken);

    /// <summary>Adds a tag to a namespace.</summary>
    public Task<MetadefPart> AddTagAsync(Caller caller, string name, string tag, CancellationToken cancellationToken) =>
        AddPartAsync(caller, name, MetadefPartKind.Tag, () => Tag(tag), cancellationToken);

    /// <summary>Replaces something that a namespace holds; its name may change.</summary>
    public Task<MetadefPart> ReplacePartAsync(
        Caller caller, string name, MetadefPartKind kind, string partName, JsonElement text, CancellationToken cancellationToken) => _registry.WriteAsync(
        async (tx, ct) =>
        {
            var found = _access.Require(caller, name, await tx.Metadefs.FindAsync(name, ct), RulesOf(kind).Modify);
            var wanted = Read(kind, text);
            var parts = await tx.Metadefs.ListPartsAsync(found.Id, kind, ct);
            var before = parts.FirstOrDefault(part => part.Name == partName) ?? throw MetadefRefusals.Missing(name, kind, partName);
            if (wanted.Name != partName && parts.Any(part => part.Name == wanted.Name))
            {
                throw MetadefRefusals.Exists(name, kind, wanted.Name);
            }

            return await tx.Metadefs.UpdatePartAsync(wanted with { Id = before.Id }, ct) ?? throw MetadefRefusals.Missing(name, kind, partName);
        },
        cancellationToken);

    /// <summary>Removes one thing from a namespace, or everything of a kind.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="name">The namespace.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="partName">Its name; null for all.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task RemovePartsAsync(Caller caller, string name, MetadefPartKind kind, string? partName, CancellationToken cancellationToken) => _registry.WriteAsync(
        async (tx, ct) =>
        {
            var rules = RulesOf(kind);
            var found = _access.Require(caller, name, await tx.Metadefs.FindAsync(name, ct), partName is null ? rules.RemoveAll : rules.Remove);
            if (partName is not null && (await tx.Metadefs.ListPartsAsync(found.Id, kind, ct)).All(part => part.Name != partName))
            {
                throw MetadefRefusals.Missing(name, kind, partName);
            }

            return found.Protected ? throw MetadefRefusals.Protected(kind, partName) : await tx.Metadefs.DeletePartsAsync(found.Id, kind, partName, ct);
        },
        cancellationToken);

    /// <summary>Sets the tags of a namespace, or adds to them.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="name">The namespace.</param>
    /// <param name="text"><c>{"tags": [{"name": "…"}]}</c>.</param>
    /// <param name="append">Whether the tags that are there stay.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The tags of the text.</returns>
    public Task<IReadOnlyList<MetadefPart>> SetTagsAsync(Caller caller, string name, JsonElement text, bool append, CancellationToken cancellationToken) =>
        _registry.WriteAsync<IReadOnlyList<MetadefPart>>(
            async (tx, ct) =>
            {
                var found = _access.Require(caller, name, await tx.Metadefs.FindAsync(name, ct), PolicyAction.AddMetadefTags);
                var wanted = MetadefText.ReadTags(name, text);
                if (!append)
                {
                    if (found.Protected && (await tx.Metadefs.ListPartsAsync(found.Id, MetadefPartKind.Tag, ct)).Any(tag => wanted.All(w => w.Name != tag.Name)))
                    {
                        throw MetadefRefusals.Protected(MetadefPartKind.Tag, null);
                    }

                    await tx.Metadefs.DeletePartsAsync(found.Id, MetadefPartKind.Tag, null, ct);
                }

                List<MetadefPart> stored = [];
                foreach (var tag in wanted)
                {
                    stored.Add(await tx.Metadefs.InsertPartAsync(found.Id, tag, ct) ?? throw MetadefRefusals.Exists(name, MetadefPartKind.Tag, tag.Name));
                }

                return stored;
            },
            cancellationToken);

    private Task<MetadefPart> AddPartAsync(Caller caller, string name, MetadefPartKind kind, Func<MetadefPart> read, CancellationToken cancellationToken) =>
        _registry.WriteAsync(
            async (tx, ct) =>
            {
                var found = _access.Require(caller, name, await tx.Metadefs.FindAsync(name, ct), RulesOf(kind).Add);
                var wanted = read();
                return await tx.Metadefs.InsertPartAsync(found.Id, wanted, ct) ?? throw MetadefRefusals.Exists(name, kind, wanted.Name);
            },
            cancellationToken);

    private static MetadefPart Read(MetadefPartKind kind, JsonElement text)
    {
        MetadefText.RequireWritable(text);
        return MetadefText.ReadPart(kind, text);
    }

    private static MetadefPart Tag(string name) => name.EnumerateRunes().Count() <= 80
        ? new MetadefPart(MetadefPartKind.Tag, name, "{}")
        : throw new ImageException(ImageError.Invalid, "A name must have 1 to 80 characters, none of them NUL or half a surrogate pair.");

    private static PartRules RulesOf(MetadefPartKind kind) => kind switch
    {
        MetadefPartKind.Property => new(
            PolicyAction.GetMetadefProperties, PolicyAction.GetMetadefProperty, PolicyAction.AddMetadefProperty,
            PolicyAction.ModifyMetadefProperty, PolicyAction.RemoveMetadefProperty, PolicyAction.RemoveMetadefProperty),
        MetadefPartKind.PropertyObject => new(
            PolicyAction.GetMetadefObjects, PolicyAction.GetMetadefObject, PolicyAction.AddMetadefObject,
            PolicyAction.ModifyMetadefObject, PolicyAction.DeleteMetadefObject, PolicyAction.DeleteMetadefObject),
        MetadefPartKind.Tag => new(
            PolicyAction.GetMetadefTags, PolicyAction.GetMetadefTag, PolicyAction.AddMetadefTag,
            PolicyAction.ModifyMetadefTag, PolicyAction.DeleteMetadefTag, PolicyAction.DeleteMetadefTags),
        _ => new(
            PolicyAction.GetMetadefResourceType, PolicyAction.GetMetadefResourceType, PolicyAction.AddMetadefResourceTypeAssociation,
            PolicyAction.AddMetadefResourceTypeAssociation, PolicyAction.RemoveMetadefResourceTypeAssociation, PolicyAction.RemoveMetadefResourceTypeAssociation),
    };

    /// <summary>Which rules are asked about one kind of content.</summary>
    private sealed record PartRules(
        PolicyAction List, PolicyAction Get, PolicyAction Add, PolicyAction Modify, PolicyAction Remove, PolicyAction RemoveAll);
}
