using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Commands;

/// <summary><c>db migrate</c>: brings the registry to the schema of this version while no gateway runs on it.</summary>
internal sealed class MigrateCommand(CommandTerminal terminal, TimeProvider time)
{
    public async Task<int> RunAsync(GatewayConfiguration configuration, bool json, CancellationToken cancellationToken)
    {
        using var data = DataDirectory.Open(configuration.DataDirectory, time);
        using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(configuration.Log, terminal.Error, time));
        var options = new RegistryOptions { DatabasePath = data.RegistryFile, InstanceId = data.InstanceId };
        await using (await ImageRegistry.OpenAsync(options, time, loggers, cancellationToken))
        {
            var result = new MigrationResult(data.RegistryFile, data.InstanceId, VersionCommand.Version);
            if (json)
            {
                terminal.WriteJson(result, CommandJson.Readable.MigrationResult);
            }
            else
            {
                terminal.Output.WriteLine($"The registry {result.Registry} has the schema of glance-gateway {result.Version}.");
            }
        }

        return ExitCodes.Success;
    }
}
