using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api.Tests;

/// <summary>Keeps what was logged, to be looked through.</summary>
internal sealed class CapturedLog : ILogger
{
    private readonly List<string> lines = [];

    public string Text
    {
        get
        {
            lock (lines)
                return string.Join('\n', lines);
        }
    }

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (lines)
            lines.Add($"{formatter(state, exception)} {exception}");
    }
}
