using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Stores.Tests;

/// <summary>Logs that nobody reads.</summary>
internal static class Quiet
{
    public static ILogger Logger => NullLogger.Instance;

    public static ILoggerFactory Loggers => NullLoggerFactory.Instance;
}
