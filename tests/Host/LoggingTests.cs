using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Tests;

public sealed class LoggingTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Lines_go_to_standard_error_and_a_name_with_a_line_break_stays_one_line()
    {
        using var error = new StringWriter();
        using (var loggers = Create(new LogConfiguration(), error))
        {
            loggers.CreateLogger("GlanceGateway.Images").LogInformation("image {Name} is active", "a\n2026 error forged");
            loggers.CreateLogger("GlanceGateway.Images").LogDebug("unseen");
            loggers.CreateLogger("Microsoft.AspNetCore.Hosting").LogInformation("unseen");
        }

        var line = Assert.Single(error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info GlanceGateway\.Images: image a 2026 error forged is active$", line);
    }

    [Fact]
    public void The_file_is_appended_to_and_survives_truncation_by_logrotate()
    {
        var file = _directory.Write("log", "before\n");
        using var loggers = Create(new LogConfiguration { File = file, Level = LogLevel.Error }, TextWriter.Null);
        var logger = loggers.CreateLogger("A");

        logger.LogError(new InvalidOperationException("inside"), "first");
        Assert.Matches(@"^before\n\S+ error A: first\n    System\.InvalidOperationException: inside\n", File.ReadAllText(file));
        File.WriteAllText(file, "");
        logger.LogError("second");

        Assert.Matches(@"^\S+ error A: second\n$", File.ReadAllText(file));
    }

    private static ILoggerFactory Create(LogConfiguration configuration, TextWriter error) =>
        LoggerFactory.Create(builder => builder.AddGatewayLog(configuration, error, TimeProvider.System));
}
