using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>
/// The configured stores. Opening it loads the plugins that they name and starts all stores side by side; a store that fails is kept with its
/// reason and the others serve. Only a contradiction in the definitions themselves stops the set; whether a failed default store stops the
/// process is for the host to decide, by the <see cref="Store.State"/> of <see cref="Default"/>.
/// </summary>
public sealed partial class StoreSet : IAsyncDisposable
{
    private readonly Dictionary<string, Store> byId;
    private readonly IReadOnlyList<LoadedPlugin> plugins;
    private bool disposed;

    private StoreSet(IReadOnlyList<Store> stores, IReadOnlyList<LoadedPlugin> plugins)
    {
        All = stores;
        Default = stores.Single(store => store.IsDefault);
        byId = stores.ToDictionary(store => store.Id, StringComparer.Ordinal);
        this.plugins = plugins;
    }

    /// <summary>Every configured store, failed ones too, in the order of the configuration.</summary>
    public IReadOnlyList<Store> All { get; }

    /// <summary>The store that takes what is sent to no store in particular; it may have failed.</summary>
    public Store Default { get; }

    /// <summary>Starts the stores.</summary>
    /// <param name="catalog">Where their drivers come from.</param>
    /// <param name="definitions">At least one.</param>
    /// <param name="options">What holds for all of them.</param>
    /// <param name="loggers">For the stores and their drivers.</param>
    /// <param name="time">The clock of time-outs and of the drivers.</param>
    /// <param name="cancellationToken">Cancels the start; what had started is disposed.</param>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/> when the definitions contradict themselves: no store, a bad or
    /// repeated id, not exactly one default.</exception>
    public static async Task<StoreSet> OpenAsync(
        PluginCatalog catalog,
        IReadOnlyList<StoreDefinition> definitions,
        StoreSetOptions options,
        ILoggerFactory loggers,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var defaultId = Check(definitions);
        var logger = loggers.CreateLogger("GlanceGateway.Stores");
        var starter = new StoreStarter(catalog, options, logger, time);
        var stores = await starter.StartAsync(definitions, defaultId, cancellationToken);
        return new StoreSet(stores, starter.Plugins);
    }

    /// <summary>Finds a store by its id.</summary>
    public bool TryGet(string id, [NotNullWhen(true)] out Store? store) => byId.TryGetValue(id, out store);

    /// <summary>The stores that a location may belong to, the likeliest first; empty when none can read it.</summary>
    /// <param name="location">A location URI.</param>
    /// <param name="storeId">The store's id in the location's metadata; null for a location from before there were store ids. With an id
    /// the answer is that store or nothing, so that a store which was renamed or removed is not read by another.</param>
    public IReadOnlyList<Store> FindByLocation(string location, string? storeId)
    {
        if (storeId is not null)
            return TryGet(storeId, out var named) ? [named] : [];
        var end = location.IndexOf("://", StringComparison.Ordinal);
        if (end <= 0)
            return [];
        var scheme = location[..end].ToLowerInvariant();
        return [.. All.Where(store => store.Schemes.Contains(scheme)).OrderByDescending(store => store.IsDefault).ThenByDescending(store => store.Weight)];
    }

    /// <summary>Lets no new transfer begin in any store and ends when the open ones are disposed.</summary>
    /// <param name="cancellationToken">Ends the waiting, not the transfers.</param>
    public Task DrainAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(All.Select(store => store.Guarded?.DrainAsync() ?? Task.CompletedTask)).WaitAsync(cancellationToken);

    /// <summary>Disposes every driver, then the plugins. Transfers that are still open fail; drain first.</summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        foreach (var store in All)
        {
            if (store.Guarded is { } driver)
                await driver.DisposeAsync();
        }

        foreach (var plugin in plugins)
            plugin.Dispose();
    }

    private static string Check(IReadOnlyList<StoreDefinition> definitions)
    {
        if (definitions.Count == 0)
            throw Wrong("No store is configured.");
        foreach (var id in definitions.Select(definition => definition.Id))
        {
            if (!IdPattern().IsMatch(id))
                throw Wrong($"Store id '{id}' must be 1 to 64 letters, digits, '-' or '_', beginning with a letter or digit.");
            if (id.StartsWith("os_glance", StringComparison.Ordinal))
                throw Wrong($"Store id '{id}' begins with 'os_glance', which is reserved.");
            if (definitions.Count(other => other.Id == id) > 1)
                throw Wrong($"Store id '{id}' is configured more than once.");
        }

        if (definitions.Count == 1)
            return definitions[0].Id;
        var defaults = definitions.Where(definition => definition.IsDefault).Select(definition => definition.Id).ToList();
        return defaults.Count switch
        {
            1 => defaults[0],
            0 => throw Wrong($"None of the stores {List(definitions.Select(definition => definition.Id))} is the default; mark one."),
            _ => throw Wrong($"The stores {List(defaults)} are all marked as the default; mark one."),
        };
    }

    private static string List(IEnumerable<string> ids) => $"'{string.Join("', '", ids)}'";

    private static StoreException Wrong(string message) => new(StoreError.Misconfigured, message);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex IdPattern();
}
