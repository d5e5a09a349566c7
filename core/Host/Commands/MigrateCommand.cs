using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Commands;

/// <summary><c>db migrate</c>: brings the registry to the schema of this version.</summary>
internal sealed class MigrateCommand(CommandTerminal terminal, TimeProvider time)
{
    /// <summary>A SQLite file is taken with its data directory, so no gateway may run on it; beside PostgreSQL gateways may run.</summary>
    public async Task<int> RunAsync(GatewayConfiguration configuration, bool json, CancellationToken cancellationToken)
    {
        using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(configuration.Log, terminal.Error, time));
        using var data = RegistryPlace.Postgres(configuration) is null ? DataDirectory.Open(configuration.DataDirectory, time) : null;
        var options = RegistryPlace.Options(configuration, data);
        await ImageRegistry.MigrateAsync(options, time, loggers, cancellationToken);
        var result = new MigrationResult(options.Postgres?.Place ?? options.DatabasePath!, data?.InstanceId, VersionCommand.Version);
        if (json)
        {
            terminal.WriteJson(result, CommandJson.Readable.MigrationResult);
        }
        else
        {
            terminal.Output.WriteLine($"The registry {result.Registry} has the schema of glance-gateway {result.Version}.");
        }

        return ExitCodes.Success;
    }
}
