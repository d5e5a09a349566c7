using System.Text.Json;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>What happens to a namespace of a file that the registry has already.</summary>
public enum MetadefLoadMode
{
    /// <summary>It stays as it is.</summary>
    Skip,

    /// <summary>What it lacks is added; what both have stays as it is.</summary>
    Merge,

    /// <summary>What it lacks is added; what both have becomes as in the file; what only the registry has stays.</summary>
    PreferNew,

    /// <summary>It becomes as in the file; what only the registry has goes.</summary>
    Overwrite,
}

/// <summary>What loading did.</summary>
/// <param name="Added">Names of namespaces that were not there.</param>
/// <param name="Changed">Names of those that were there and were changed as the mode says.</param>
/// <param name="Skipped">Names of those that stayed.</param>
public sealed record MetadefLoadResult(IReadOnlyList<string> Added, IReadOnlyList<string> Changed, IReadOnlyList<string> Skipped);

/// <summary>Definitions in bulk, for operators: no caller is asked, whoever runs the gateway's commands may do everything.</summary>
public static class MetadefLibrary
{
    private const string DefaultsFolder = "Metadefs/Defaults/";

    /// <summary>The definitions that come with the gateway, by file name.</summary>
    public static IReadOnlyList<(string File, JsonElement Text)> Defaults { get; } = [.. typeof(MetadefLibrary).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(DefaultsFolder, StringComparison.Ordinal))
        .Order(StringComparer.Ordinal)
        .Select(name => (name[DefaultsFolder.Length..], Parse(name)))];

    /// <summary>Loads the definitions that come with the gateway into a registry that never had any.</summary>
    /// <returns>How many namespaces were added; 0 when there were definitions before, even if they were deleted since.</returns>
    public static async Task<int> LoadDefaultsOnceAsync(ImageRegistry registry, CancellationToken cancellationToken)
    {
        if ((await registry.Metadefs.ListResourceTypesAsync(cancellationToken)).Count > 0)
        {
            return 0;
        }

        var read = Defaults.Select(file => MetadefText.ReadNamespace(file.Text, owner: "admin")).ToList();
        return await registry.WriteAsync(
            async (tx, ct) =>
            {
                // Another gateway on the same database may have been faster.
                if (await tx.Metadefs.HasResourceTypesAsync(ct))
                {
                    return 0;
                }

                var result = await LoadAsync(tx.Metadefs, read, MetadefLoadMode.Skip, ct);
                return result.Added.Count;
            },
            cancellationToken);
    }

    /// <summary>Loads namespaces, all or none.</summary>
    /// <param name="registry">Where to.</param>
    /// <param name="texts">In the form that <see cref="MetadefText"/> describes.</param>
    /// <param name="mode">What happens to those that are there.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ImageException">A text cannot be read.</exception>
    public static Task<MetadefLoadResult> LoadAsync(
        ImageRegistry registry, IEnumerable<JsonElement> texts, MetadefLoadMode mode, CancellationToken cancellationToken)
    {
        var read = texts.Select(text => MetadefText.ReadNamespace(text, owner: "admin")).ToList();
        return registry.WriteAsync((tx, ct) => LoadAsync(tx.Metadefs, read, mode, ct), cancellationToken);
    }

    /// <summary>Deletes namespaces with all that they hold, protected ones too. The known resource types stay.</summary>
    /// <param name="registry">From where.</param>
    /// <param name="names">Which; null for all.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The names of those that went.</returns>
    public static async Task<IReadOnlyList<string>> UnloadAsync(ImageRegistry registry, IReadOnlyCollection<string>? names, CancellationToken cancellationToken)
    {
        names ??= [.. (await ReadAllAsync(registry, cancellationToken)).Select(content => content.Namespace.Name)];
        return await registry.WriteAsync<IReadOnlyList<string>>(
            async (tx, ct) =>
            {
                List<string> gone = [];
                foreach (var name in names)
                {
                    if (await tx.Metadefs.FindAsync(name, ct) is { } found && await tx.Metadefs.DeleteAsync(found.Id, ct))
                    {
                        gone.Add(name);
                    }
                }

                return gone;
            },
            cancellationToken);
    }

    /// <summary>Every namespace with all that it holds, by name.</summary>
    public static async Task<IReadOnlyList<MetadefContent>> ReadAllAsync(ImageRegistry registry, CancellationToken cancellationToken)
    {
        var query = new MetadefQuery { Viewer = new ImageViewer(null, SeesEverything: true), Sort = MetadefColumn.Name, Descending = false, Limit = 1000 };
        List<MetadefContent> all = [];
        while (true)
        {
            var page = await registry.Metadefs.ListAsync(query, cancellationToken);
            foreach (var listed in page)
            {
                if (await registry.Metadefs.LoadAsync(listed.Namespace.Name, cancellationToken) is { } content)
                {
                    all.Add(content);
                }
            }

            if (page.Count < query.Limit)
            {
                return all;
            }

            query = query with { After = page[^1].Namespace };
        }
    }

    private static async Task<MetadefLoadResult> LoadAsync(
        MetadefTransaction metadefs, IReadOnlyList<MetadefContent> read, MetadefLoadMode mode, CancellationToken cancellationToken)
    {
        List<string> added = [], changed = [], skipped = [];
        foreach (var (wanted, parts) in read)
        {
            var before = await metadefs.FindAsync(wanted.Name, cancellationToken);
            if (before is not null && mode == MetadefLoadMode.Skip)
            {
                skipped.Add(wanted.Name);
                continue;
            }

            (before is null ? added : changed).Add(wanted.Name);
            var stored = before ?? await metadefs.InsertAsync(wanted, cancellationToken)
                ?? throw new InvalidOperationException($"The namespace {wanted.Name} is neither there nor can it be added.");
            if (before is not null && mode != MetadefLoadMode.Merge)
            {
                await metadefs.UpdateAsync(wanted with { Id = before.Id }, cancellationToken);
            }

            await LoadPartsAsync(metadefs, stored.Id, parts, mode, cancellationToken);
        }

        return new MetadefLoadResult(added, changed, skipped);
    }

    private static async Task LoadPartsAsync(
        MetadefTransaction metadefs, long namespaceId, IReadOnlyList<MetadefPart> parts, MetadefLoadMode mode, CancellationToken cancellationToken)
    {
        var there = await metadefs.ListPartsAsync(namespaceId, null, cancellationToken);
        foreach (var part in parts)
        {
            var before = there.FirstOrDefault(old => old.Kind == part.Kind && old.Name == part.Name);
            if (before is null)
            {
                await metadefs.InsertPartAsync(namespaceId, part, cancellationToken);
            }
            else if (mode != MetadefLoadMode.Merge)
            {
                await metadefs.UpdatePartAsync(part with { Id = before.Id }, cancellationToken);
            }
        }

        if (mode == MetadefLoadMode.Overwrite)
        {
            foreach (var old in there.Where(old => !parts.Any(part => part.Kind == old.Kind && part.Name == old.Name)))
            {
                await metadefs.DeletePartsAsync(namespaceId, old.Kind, old.Name, cancellationToken);
            }
        }
    }

    private static JsonElement Parse(string resource)
    {
        using var stream = typeof(MetadefLibrary).Assembly.GetManifestResourceStream(resource)!;
        using var document = JsonDocument.Parse(stream);
        return document.RootElement.Clone();
    }
}
