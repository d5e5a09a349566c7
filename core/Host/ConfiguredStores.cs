using GlanceGateway.Abstractions;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host;

/// <summary>Makes the stores of a configuration.</summary>
public static class ConfiguredStores
{
    /// <summary>Starts the configured stores with the plugins found in the configured directories.</summary>
    /// <param name="configuration">Names both.</param>
    /// <param name="scratchRoot">Where stores get their scratch directories, which are emptied: never that of another running process.</param>
    /// <param name="loggers">For the stores and their drivers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="ConfigurationException">A store works in a directory that lies under the mount or around it.</exception>
    public static Task<StoreSet> OpenAsync(
        GatewayConfiguration configuration,
        string scratchRoot,
        ILoggerFactory loggers,
        TimeProvider time,
        CancellationToken cancellationToken) =>
        OpenAsync(PluginCatalog.Scan(configuration.PluginDirectories), configuration, scratchRoot, loggers, time, cancellationToken);

    /// <summary>Starts the configured stores with given plugins.</summary>
    /// <exception cref="ConfigurationException">A store works in a directory that lies under the mount or around it.</exception>
    public static async Task<StoreSet> OpenAsync(
        PluginCatalog catalog,
        GatewayConfiguration configuration,
        string scratchRoot,
        ILoggerFactory loggers,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var logger = loggers.CreateLogger("GlanceGateway.Host");
        foreach (var problem in catalog.Problems)
        {
            logger.LogWarning("{Problem}", problem);
        }

        var stores = await StoreSet.OpenAsync(
            catalog,
            Define(configuration),
            new StoreSetOptions
            {
                ScratchRoot = scratchRoot,
                Outbound = configuration.Outbound,
                AllowedPlugins = configuration.Plugins.Allow,
                DrainTimeout = configuration.Plugins.DrainTimeout,
                UnloadPlugins = configuration.Plugins.Unload,
                ObjectionToPath = path => ObjectionTo(configuration, path),
            },
            loggers,
            time,
            cancellationToken);
        try
        {
            KeepOutOfMount(configuration, stores);
            return stores;
        }
        catch
        {
            await stores.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts the store in which data waits to be imported: the configured one, or a directory.</summary>
    /// <param name="catalog">Where its driver comes from.</param>
    /// <param name="configuration">Names the store.</param>
    /// <param name="directory">Used when no store is configured for it.</param>
    /// <param name="scratchRoot">Where it gets its scratch directory.</param>
    /// <param name="loggers">For the store and its driver.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <returns>A set of one store, which may have failed.</returns>
    public static Task<StoreSet> OpenStagingAsync(
        PluginCatalog catalog,
        GatewayConfiguration configuration,
        string directory,
        string scratchRoot,
        ILoggerFactory loggers,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var definition = configuration.Stores.FirstOrDefault(store => store.Id == configuration.Import.StagingStore) is { } configured
            ? Define(configured)
            : new StoreDefinition
            {
                Id = "data",
                Driver = "filesystem",
                Options = new Dictionary<string, object?>(StringComparer.Ordinal) { ["directory"] = directory },
            };

        // No store's id begins like this, so nobody else has a scratch directory of this name.
        var options = new StoreSetOptions { ScratchRoot = Path.Join(scratchRoot, "os_glance_staging"), Outbound = configuration.Outbound, AllowedPlugins = configuration.Plugins.Allow };
        return StoreSet.OpenAsync(catalog, [definition], options, loggers, time, cancellationToken);
    }

    /// <summary>The stores of a configuration as the set of those that hold images takes them.</summary>
    public static IReadOnlyList<StoreDefinition> Define(GatewayConfiguration configuration) =>
        [.. configuration.Stores.Where(store => store.Id != configuration.Import.StagingStore).Select(Define)];

    // Asked about stores that come up while the mount is there; those of the start are checked before it is.
    private static string? ObjectionTo(GatewayConfiguration configuration, string path) =>
        configuration.Mount is { } mount ? MountOverlap.Find(mount.Directory, [new("its directory", path)]).FirstOrDefault() : null;

    private static StoreDefinition Define(StoreConfiguration store) => new()
    {
        Id = store.Id,
        Driver = store.Driver,
        IsDefault = store.IsDefault,
        Weight = store.Weight,
        IsReadOnly = store.IsReadOnly,
        Description = store.Description,
        Options = store.Options.ToDictionary(option => option.Name, option => (object?)option.Value, StringComparer.Ordinal),
    };

    private static void KeepOutOfMount(GatewayConfiguration configuration, StoreSet stores)
    {
        if (configuration.Mount is not { } mount)
        {
            return;
        }

        var problems = new List<ConfigurationProblem>();
        foreach (var store in stores.All.Where(store => store.State == StoreState.Ready))
        {
            var paths = ((store.Driver as ILocalPaths)?.Paths ?? []).Select(path => new MountOverlap.UsedPath($"store '{store.Id}'", path));
            var origin = configuration.Stores.Single(configured => configured.Id == store.Id).Origin;
            problems.AddRange(MountOverlap.Find(mount.Directory, paths).Select(text => new ConfigurationProblem(origin, $"stores.{store.Id}", text)));
        }

        if (problems.Count > 0)
        {
            throw new ConfigurationException(problems);
        }
    }
}
