using GlanceGateway.Api;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Host.Metrics;
using GlanceGateway.Host.Policy;
using GlanceGateway.Host.Serving;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Commands;

/// <summary><c>serve</c>: takes the data directory, opens what holds state, cleans up behind an earlier life, and serves until asked to stop.</summary>
internal sealed class ServeCommand(CommandTerminal terminal, TimeProvider time)
{
    public async Task<int> RunAsync(Func<GatewayConfiguration> load, bool json, CancellationToken cancellationToken)
    {
        var configuration = load();
        var policyFile = configuration.PolicyFile is { } path ? PolicyFile.Read(path) : null;
        var protectionFile = configuration.PropertyProtections is { } protections ? ProtectionFile.Read(protections) : null;
        var describedProperties = ImageSchemaFile.Read(configuration.ImageSchemaFile);
        using var data = DataDirectory.Open(configuration.DataDirectory, time);
        using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(configuration.Log, terminal.Error, time));
        var logger = loggers.CreateLogger("GlanceGateway.Host");
        await using var metrics = await MetricsEndpoint.StartAsync(configuration.Metrics, loggers, cancellationToken);
        foreach (var warning in configuration.Warnings)
        {
            logger.LogWarning("{Warning}", warning);
        }

        await using var registry = await ImageRegistry.OpenAsync(
            RegistryPlace.Options(configuration, data), time, loggers, cancellationToken);
        var catalog = PluginCatalog.Scan(configuration.PluginDirectories);
        await using var stores = await ConfiguredStores.OpenAsync(catalog, configuration, data.Scratch, loggers, time, cancellationToken);
        if (stores.Default.State == StoreState.Failed)
        {
            terminal.WriteError($"the default store '{stores.Default.Id}' did not start: {stores.Default.Problem}");
            return ExitCodes.Failure;
        }

        await using var staging = await ConfiguredStores.OpenStagingAsync(catalog, configuration, data.Staging, data.Scratch, loggers, time, cancellationToken);
        if (staging.Default.State == StoreState.Failed)
        {
            logger.LogError("Nothing can be staged, so images can only be uploaded or copied: {Problem}", staging.Default.Problem);
        }

        var options = new ImageOptions
        {
            SizeCap = configuration.Limits.ImageSizeCap,
            PropertyQuota = configuration.Limits.PropertyQuota,
            TagQuota = configuration.Limits.TagQuota,
            MemberQuota = configuration.Limits.MemberQuota,
            DiskFormats = configuration.Formats.DiskFormats,
            ContainerFormats = configuration.Formats.ContainerFormats,
            FormatPolicy = configuration.Formats.Policy,
            StallTimeout = configuration.Limits.StallTimeout,
            LeaseDuration = configuration.Limits.Lease,
            MountDeleteGrace = configuration.Mount?.DeleteGrace ?? TimeSpan.Zero,
            MountIsKept = configuration.Mount?.Keeper is not null,
            ShowDirectUrl = configuration.Locations.ShowImageDirectUrl,
            ShowMultipleLocations = configuration.Locations.ShowMultipleLocations,
            LocationQuota = configuration.Locations.ImageLocationQuota,
            SecureHash = configuration.Locations.DoSecureHash,
            DescribedProperties = describedProperties,
            Node = configuration.Database.Provider == DatabaseProvider.Postgresql ? configuration.Node ?? Environment.MachineName : null,
        };
        var policy = new PolicyRules(policyFile?.Rules ?? PolicySet.Default);
        await using var caches = GatewayCaches.Open(configuration, data.Scratch, time, loggers.CreateLogger("GlanceGateway.Blocks"));
        using var signatures = ConfiguredSignatures.Open(configuration, loggers, time);
        using var regions = configuration.Import.Options.Methods.Contains(ImportMethodNames.GlanceDownload) ? new KeystoneRegions(configuration.Identity.Keystone!) : null;
        var limits = ConfiguredQuotas.Open(configuration, loggers, time);
        using var limitsClosed = limits as IDisposable;
        await using var images = new ImageServices(
            registry,
            stores,
            options,
            time,
            loggers,
            policy,
            limits,
            caches.Images,
            configuration.Import.Options with { Outbound = configuration.Outbound, Regions = regions },
            staging.Default.State == StoreState.Ready ? staging : null,
            signatures.Options);
        await using var policyWatch = WatchPolicy(policyFile, policy, logger);
        TellPlugins(data, stores, logger);
        stores.Changed += (_, _) => TellPlugins(data, stores, logger);
        await using var upkeep = StoreUpkeep.Start(stores, catalog, new StoreUpkeepOptions { WatchPlugins = configuration.Plugins.Watch }, loggers, time);
        await using var reload = StoreReload.Start(configuration, load, stores, time, logger);
        await using var protectionWatch = ProtectionFileWatch.Start(protectionFile, images.Protections, policy, time, logger);
        if (configuration.LoadDefaultMetadefs && await MetadefLibrary.LoadDefaultsOnceAsync(registry, cancellationToken) is var loaded and > 0)
        {
            logger.LogInformation("{Count} namespaces of metadata definitions were added to the new registry", loaded);
        }

        await images.StartAsync(cancellationToken);
        await using var mount = await GatewayMount.StartAsync(configuration, images, loggers, cancellationToken);
        await using var server = await GatewayServer.StartAsync(configuration, images, loggers, time, cancellationToken);
        Announce(server, mount is { IsMounted: true } ? mount : null, json);
        await using var notices = ServiceNotices.Ready(() => mount?.Answering ?? [], time, logger);

        await WaitAsync(cancellationToken);
        notices.TellStopping();
        logger.LogInformation("Asked to stop: transfers may end, new ones are not taken.");
        await server.DrainAsync();
        return ExitCodes.Success;
    }

    private static void TellPlugins(DataDirectory data, StoreSet stores, ILogger logger)
    {
        try
        {
            ServingPlugins.Write(data.Path, stores);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning("'plugins list' will not know what this gateway has loaded: {Reason}", fault.Message);
        }
    }

    private PolicyFileWatch? WatchPolicy(PolicyFile? file, PolicyRules policy, ILogger logger)
    {
        if (file is null)
        {
            return null;
        }

        logger.LogInformation("{Count} rules of {File} are in force", file.Rules.OperatorRules, file.Path);
        PolicyFileWatch.LogWarnings(file, logger);
        return PolicyFileWatch.Start(file, policy, time, logger);
    }

    private static async Task WaitAsync(CancellationToken cancellationToken) =>
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private void Announce(GatewayServer server, GatewayMount? mount, bool json)
    {
        if (json)
        {
            terminal.WriteJson(new ServingResult(server.Address, mount?.Directory, mount?.IsPassthrough), LineJson.Default.ServingResult);
        }
        else
        {
            var files = mount is null ? "" : $"; images are files in {mount.Directory}{(mount.IsPassthrough ? "" : " (without passthrough)")}";
            terminal.Output.WriteLine($"glance-gateway answers at {server.Address}{files}");
        }

        terminal.Output.Flush();
    }
}
