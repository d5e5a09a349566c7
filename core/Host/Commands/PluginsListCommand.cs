using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Serving;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Commands;

/// <summary><c>plugins list</c>: which drivers are installed, and why one cannot be used. Runs none of their code; what a gateway that serves has
/// made of them it reads from the data directory.</summary>
internal sealed class PluginsListCommand(CommandTerminal terminal)
{
    public int Run(GatewayConfiguration configuration, bool json)
    {
        var catalog = PluginCatalog.Scan(configuration.PluginDirectories);
        var serving = ServingPlugins.ReadLive(configuration.DataDirectory);
        var plugins = catalog.Plugins.Select(plugin => Describe(plugin, configuration.Plugins.Allow, serving)).ToList();
        if (json)
        {
            terminal.WriteJson(new PluginListResult(plugins, catalog.Problems), CommandJson.Readable.PluginListResult);
        }
        else
        {
            terminal.WriteTable(
                ["name", "version", "contract", "sha256", "schemes", "path", "state"],
                plugins.Select(plugin => (IReadOnlyList<string>)
                [
                    plugin.Name,
                    plugin.Version ?? "-",
                    plugin.Contract ?? "-",
                    plugin.Sha256 is { } hash ? $"{hash[..12]}…" : "-",
                    string.Join(", ", plugin.Schemes),
                    plugin.Path,
                    plugin.Problem is null ? plugin.State : $"{plugin.State}: {plugin.Problem}",
                ]));
        }

        foreach (var problem in catalog.Problems)
        {
            terminal.WriteWarning(problem);
        }

        return ExitCodes.Success;
    }

    private static PluginResult Describe(InstalledPlugin plugin, IReadOnlyCollection<string>? allowed, ServingPlugins? serving)
    {
        var hash = plugin.Manifest is null ? null : plugin.ComputeHash();
        var loaded = serving?.Plugins.FirstOrDefault(known => known.Folder == plugin.Folder);
        var problem = plugin.Problem
            ?? serving?.Refused.FirstOrDefault(refused => refused.Folder == plugin.Folder)?.Problem
            ?? (hash is not null && allowed is not null && !allowed.Contains(hash, StringComparer.OrdinalIgnoreCase)
                ? $"Its hash is not in 'plugins.allow'. If you trust it, add {hash} there."
                : null);
        var state = problem is not null ? "refused" : loaded is not null && loaded.Sha256 == hash ? "serving" : "usable";
        if (problem is not null && loaded is not null)
        {
            problem += $" (Version {loaded.Version} of it, loaded before, serves on.)";
        }

        return new PluginResult(
            plugin.Name,
            plugin.Manifest?.Version,
            plugin.Manifest?.Contract,
            hash,
            plugin.Manifest?.Schemes ?? [],
            plugin.Manifest?.Description,
            plugin.Folder,
            state,
            problem);
    }
}
