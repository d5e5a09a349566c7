using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Commands;

/// <summary><c>serve</c>: takes the data directory, opens what holds state and serves until asked to stop.</summary>
internal sealed class ServeCommand(CommandTerminal terminal, TimeProvider time)
{
    public async Task<int> RunAsync(GatewayConfiguration configuration, bool json, CancellationToken cancellationToken)
    {
        using var data = DataDirectory.Open(configuration.DataDirectory, time);
        using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(configuration.Log, terminal.Error, time));
        var logger = loggers.CreateLogger("GlanceGateway.Host");
        foreach (var warning in configuration.Warnings)
        {
            logger.LogWarning("{Warning}", warning);
        }

        await using var registry = await ImageRegistry.OpenAsync(
            new RegistryOptions { DatabasePath = data.RegistryFile, InstanceId = data.InstanceId }, time, loggers, cancellationToken);
        await using var stores = await ConfiguredStores.OpenAsync(configuration, data.Scratch, loggers, time, cancellationToken);
        terminal.WriteError("this build has no server: the API is not part of it");
        return ExitCodes.Failure;
    }
}
