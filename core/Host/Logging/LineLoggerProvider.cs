using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Host.Logging;

/// <summary>Writes one line per entry: time in UTC, level, category, text. An exception follows in indented lines.</summary>
/// <remarks>The file is opened for appending and every line is one write, so logrotate's copytruncate works and lines never mix.</remarks>
public sealed class LineLoggerProvider(TextWriter writer, bool ownsWriter, TimeProvider time) : ILoggerProvider
{
    private readonly Lock _gate = new();

    /// <summary>A provider that appends to a file, made with mode 0640 when missing.</summary>
    public static LineLoggerProvider ToFile(string path, TimeProvider time)
    {
        var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
        });
        return new LineLoggerProvider(new StreamWriter(stream) { AutoFlush = true }, ownsWriter: true, time);
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new LineLogger(this, categoryName);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (ownsWriter)
        {
            writer.Dispose();
        }
    }

    private void Write(LogLevel level, string category, string text, Exception? exception)
    {
        var line = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {Word(level)} {category}: ");
        AppendOnOneLine(line, text);
        if (exception is not null)
        {
            line.Append("\n    ").Append(exception.ToString().ReplaceLineEndings("\n    "));
        }

        line.Append('\n');
        lock (_gate)
        {
            writer.Write(line.ToString());
        }
    }

    /// <summary>A name with a line break in it must not look like an entry of its own.</summary>
    private static void AppendOnOneLine(StringBuilder line, string text)
    {
        foreach (var letter in text)
        {
            line.Append(char.IsControl(letter) ? ' ' : letter);
        }
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        _ => "critical",
    };

    private sealed class LineLogger(LineLoggerProvider provider, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                provider.Write(logLevel, category, formatter(state, exception), exception);
            }
        }
    }
}
