using GlanceGateway.Host.Configuration;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Commands;

/// <summary><c>plugins list</c>: which drivers are installed, and why one cannot be used. Runs none of their code.</summary>
internal sealed class PluginsListCommand(CommandTerminal terminal)
{
    public int Run(GatewayConfiguration configuration, bool json)
    {
        var catalog = PluginCatalog.Scan(configuration.PluginDirectories);
        var plugins = catalog.Plugins
            .Select(plugin => new PluginResult(
                plugin.Name,
                plugin.Manifest?.Version,
                plugin.Manifest?.Contract,
                plugin.Manifest?.Schemes ?? [],
                plugin.Manifest?.Description,
                plugin.Folder,
                plugin.Problem is null ? "usable" : "refused",
                plugin.Problem))
            .ToList();
        if (json)
        {
            terminal.WriteJson(new PluginListResult(plugins, catalog.Problems), CommandJson.Readable.PluginListResult);
        }
        else
        {
            terminal.WriteTable(
                ["name", "version", "contract", "schemes", "path", "state"],
                plugins.Select(plugin => (IReadOnlyList<string>)
                [
                    plugin.Name,
                    plugin.Version ?? "-",
                    plugin.Contract ?? "-",
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
}
