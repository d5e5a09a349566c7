using GlanceGateway.Host.Configuration;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Logging;

/// <summary>Sets up the log that the configuration describes.</summary>
public static class GatewayLogging
{
    /// <summary>Writes lines of the configured level and above to the configured file, or to <paramref name="standardError"/>.</summary>
    /// <remarks>The framework's own chatter (a line per request) begins at warning, unless the level is debug or finer.</remarks>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">The same, for want of rights.</exception>
    public static void AddGatewayLog(this ILoggingBuilder builder, LogConfiguration configuration, TextWriter standardError, TimeProvider time)
    {
        builder.ClearProviders();
        builder.SetMinimumLevel(configuration.Level);
        if (configuration.Level >= LogLevel.Information)
        {
            var framework = configuration.Level > LogLevel.Warning ? configuration.Level : LogLevel.Warning;
            builder.AddFilter("Microsoft", framework);
            builder.AddFilter("System", framework);

            // It logs a failed start with its stack and throws it as well; the command says it in a line.
            builder.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        }

#pragma warning disable CA2000 // the logger factory owns its providers and disposes them
        builder.AddProvider(configuration.File is { } file ? LineLoggerProvider.ToFile(file, time) : new LineLoggerProvider(standardError, ownsWriter: false, time));
#pragma warning restore CA2000
    }
}
