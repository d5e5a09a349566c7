using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>
/// The configured stores. Opening it loads the plugins that they name and starts all stores side by side; a store that fails is kept with its
/// reason and the others serve. Only a contradiction in the definitions themselves stops the set; whether a failed default store stops the
/// process is for the host to decide, by the <see cref="Store.State"/> of <see cref="Default"/>.
/// <para>
/// The set may change while it is used: what is read from it is of one moment, and a driver that was taken from it passes calls on to
/// the one that replaced it.
/// </para>
/// </summary>
public sealed partial class StoreSet : IAsyncDisposable
{
    private readonly StoreSetOptions options;
    private readonly StoreStarter starter;
    private readonly PluginShelf shelf;
    private readonly ILogger logger;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource closing = new();
    private volatile Snapshot current = new([], [], []);
    private bool disposed;

    private StoreSet(StoreSetOptions options, ILogger logger, TimeProvider time)
    {
        this.options = options;
        this.logger = logger;
        this.time = time;
        starter = new StoreStarter(options, logger, time);
        shelf = new PluginShelf(starter.Copies, options.AllowedPlugins, options.UnloadPlugins, logger);
    }

    /// <summary>Every configured store, failed ones too, in the order of the configuration.</summary>
    public IReadOnlyList<Store> All => current.All;

    /// <summary>The store that takes what is sent to no store in particular; it may have failed.</summary>
    public Store Default => current.Default;

    /// <summary>The plugins that are loaded.</summary>
    public IReadOnlyList<PluginIdentity> Plugins => current.Plugins;

    /// <summary>The plugins that stores want and that are not used, with the reasons.</summary>
    public IReadOnlyList<PluginRefusal> Refusals => current.Refusals;

    /// <summary>Raised after the stores or their plugins changed. Handlers must not throw.</summary>
    public event EventHandler? Changed;

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
        Check(definitions);
        var set = new StoreSet(options, loggers.CreateLogger("GlanceGateway.Stores"), time);
        try
        {
            set.starter.EmptyScratch();
            foreach (var plugin in catalog.Plugins.Where(plugin => plugin.Problem is not null))
                set.logger.PluginUnusable(plugin.Folder, plugin.Problem!);
            await set.ChangeAsync(catalog, definitions, retry: true, cancellationToken);
            return set;
        }
        catch
        {
            await set.DisposeAsync();
            throw;
        }
    }

    /// <summary>Finds a store by its id.</summary>
    public bool TryGet(string id, [NotNullWhen(true)] out Store? store) => current.ById.TryGetValue(id, out store);

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
        Task.WhenAll([.. All.Select(store => store.Guarded?.DrainAsync() ?? Task.CompletedTask), .. Retiring()]).WaitAsync(cancellationToken);

    /// <summary>Disposes every driver, then the plugins. Transfers that are still open fail; drain first.</summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        await closing.CancelAsync();
        await changing.WaitAsync();
        foreach (var store in All)
        {
            if (store.Guarded is not { } driver)
                continue;
            await driver.DisposeAsync();
            store.Loaded!.LetGoAfter(driver.Ended);
        }

        await Task.WhenAll(Retiring());
        shelf.Keep([]);
        closing.Dispose();
        changing.Dispose();
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

    /// <summary>The set at one moment.</summary>
    private sealed class Snapshot(IReadOnlyList<Store> all, IReadOnlyList<PluginIdentity> plugins, IReadOnlyList<PluginRefusal> refusals)
    {
        public IReadOnlyList<Store> All { get; } = all;

        public Store Default => All.Single(store => store.IsDefault);

        public Dictionary<string, Store> ById { get; } = all.ToDictionary(store => store.Id, StringComparer.Ordinal);

        public IReadOnlyList<PluginIdentity> Plugins { get; } = plugins;

        public IReadOnlyList<PluginRefusal> Refusals { get; } = refusals;
    }
}
