using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>Starts the stores of a set once: loads each named plugin, then makes all drivers side by side.</summary>
internal sealed class StoreStarter(PluginCatalog catalog, StoreSetOptions options, ILogger logger, TimeProvider time)
{
    private readonly GuardedConnector connector = new(options.Outbound, time);
    private readonly Dictionary<string, (LoadedPlugin? Plugin, string? Problem)> loaded = new(StringComparer.Ordinal);

    /// <summary>What was loaded, to be disposed after the last driver.</summary>
    public IReadOnlyList<LoadedPlugin> Plugins => [.. loaded.Values.Select(entry => entry.Plugin).OfType<LoadedPlugin>()];

    /// <summary>Starts every store; each comes back ready or failed.</summary>
    public async Task<IReadOnlyList<Store>> StartAsync(
        IReadOnlyList<StoreDefinition> definitions, string defaultId, CancellationToken cancellationToken)
    {
        foreach (var plugin in catalog.Plugins.Where(plugin => plugin.Problem is not null))
            logger.PluginUnusable(plugin.Folder, plugin.Problem!);

        // One after the other: constructors of plugins run here, and two that touch the same native library at once are nobody's test case.
        foreach (var driver in definitions.Select(definition => definition.Driver).Distinct(StringComparer.Ordinal))
            loaded[driver] = Load(driver);

        var started = await Task.WhenAll(definitions.Select(definition => StartAsync(definition, cancellationToken)));
        if (cancellationToken.IsCancellationRequested)
        {
            await DisposeAsync(started);
            throw new OperationCanceledException(cancellationToken);
        }

        await RefuseSharedPathsAsync(definitions, started);
        return [.. definitions.Zip(started, (definition, start) => Finish(definition, start, definition.Id == defaultId))];
    }

    private (LoadedPlugin? Plugin, string? Problem) Load(string driver)
    {
        if (!catalog.TryGet(driver, out var plugin))
        {
            // A folder whose manifest could not be read has no driver name, but is most likely what was meant.
            if (catalog.Plugins.FirstOrDefault(candidate => candidate.Manifest is null && candidate.Name.Equals(driver, StringComparison.OrdinalIgnoreCase)) is { } broken)
                return (null, $"The plugin in '{broken.Folder}' cannot be used. {broken.Problem}");
            var names = catalog.Plugins.Where(candidate => candidate.Problem is null).Select(candidate => candidate.Name).ToList();
            var meant = NearestName.Of(driver, names) is { } nearest ? $" Did you mean '{nearest}'?" : "";
            var known = names.Count == 0 ? "no usable plugin was found" : $"known: {string.Join(", ", names)}";
            return (null, $"No plugin provides the driver '{driver}' ({known}).{meant}");
        }

        try
        {
            return (LoadedPlugin.Load(plugin), null);
        }
        catch (StoreException exception)
        {
            return (null, $"The plugin '{driver}' in '{plugin.Folder}' cannot be loaded. {exception.Message}");
        }
    }

    private async Task<Start> StartAsync(StoreDefinition definition, CancellationToken cancellationToken)
    {
        var (plugin, problem) = loaded[definition.Driver];
        if (plugin is null)
            return new Start(null, problem);

        using var limit = new CancellationTokenSource(options.StartTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var token = either.Token;
        var creating = Task.Run(() => CreateAsync(plugin, definition, token), CancellationToken.None);
        try
        {
            var driver = await creating.WaitAsync(token);
            return new Start(GuardedDriver.Wrap(driver, new StoreGuard(definition.Id, options, time, logger)), null);
        }
        catch (Exception exception)
        {
            _ = DisposeLateAsync(creating);
            return new Start(null, exception switch
            {
                StoreException known => known.Message,
                OperationCanceledException when limit.IsCancellationRequested => $"The driver did not start within {options.StartTimeout.TotalSeconds:0.#} s.",
                _ => $"The driver failed to start: {ExceptionText.Short(exception)}",
            });
        }
    }

    private async Task<IStorageDriver> CreateAsync(LoadedPlugin plugin, StoreDefinition definition, CancellationToken cancellationToken)
    {
        var values = OptionReader.Read(plugin.Factory.Options, definition.Options);
        var scratch = StoreContext.PrepareScratch(options.ScratchRoot, definition.Id);
        return await plugin.Factory.CreateAsync(values, new StoreContext(definition.Id, scratch, time, logger, connector), cancellationToken)
            ?? throw new StoreException(StoreError.Misconfigured, "The factory returned no driver, which is a bug of the plugin.");
    }

    // Two stores over one directory would see each other's images under the same names: the later copy is a duplicate, a delete in one is a loss
    // in the other.
    private static async Task RefuseSharedPathsAsync(IReadOnlyList<StoreDefinition> definitions, Start[] started)
    {
        var owners = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < started.Length; i++)
        {
            if (started[i].Driver is not ILocalPaths local)
                continue;
            var paths = local.Paths.Select(RealPath.Of).ToList();
            if (paths.Find(owners.ContainsKey) is { } shared)
            {
                await started[i].Driver!.DisposeAsync();
                started[i] = new Start(null, $"It would write to '{shared}', which store '{owners[shared]}' writes to already. Give it a directory of its own.");
                continue;
            }

            foreach (var path in paths)
                owners[path] = definitions[i].Id;
        }
    }

    private Store Finish(StoreDefinition definition, Start start, bool isDefault)
    {
        var manifest = catalog.TryGet(definition.Driver, out var plugin) ? plugin.Manifest : null;
        if (start.Driver is not null)
            logger.StoreReady(definition.Id, definition.Driver, manifest?.Version ?? "");
        else
            logger.StoreFailed(definition.Id, start.Problem!);
        return new Store(definition, isDefault, manifest?.Schemes ?? [], start.Driver, start.Problem);
    }

    private async Task DisposeAsync(IEnumerable<Start> started)
    {
        foreach (var start in started)
        {
            if (start.Driver is { } driver)
                await driver.DisposeAsync();
        }

        foreach (var plugin in Plugins)
            plugin.Dispose();
    }

    private static async Task DisposeLateAsync(Task<IStorageDriver> creating)
    {
        try
        {
            await (await creating).DisposeAsync();
        }
        catch
        {
            // The store has failed already, with its first reason.
        }
    }

    private readonly record struct Start(GuardedDriver? Driver, string? Problem);
}
