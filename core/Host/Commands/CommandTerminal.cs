using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace GlanceGateway.Host.Commands;

/// <summary>Where a command writes: results to standard output, words about them to standard error.</summary>
/// <param name="output">Results.</param>
/// <param name="error">Errors and warnings.</param>
/// <param name="isTerminal">Whether somebody looks at the output: then lists are drawn as tables, else they are lines of tab-separated cells.</param>
public sealed class CommandTerminal(TextWriter output, TextWriter error, bool isTerminal)
{
    private bool _isProgressShown;

    /// <summary>The process's own streams.</summary>
    public static CommandTerminal OfThisProcess() => new(Console.Out, Console.Error, !Console.IsOutputRedirected);

    /// <summary>Standard output.</summary>
    public TextWriter Output { get; } = output;

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; } = error;

    /// <summary>Writes one <c>error:</c> line per line of the text.</summary>
    public void WriteError(string text)
    {
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Error.WriteLine($"error: {Printable(line)}");
        }
    }

    /// <summary>Writes a <c>warning:</c> line.</summary>
    public void WriteWarning(string text) => Error.WriteLine($"warning: {Printable(text)}");

    /// <summary>Writes a line of a result.</summary>
    public void WriteLine(string text) => Output.WriteLine(Printable(text));

    /// <summary>Shows how far something is, in place of what was shown before; only to somebody who looks.</summary>
    public void ShowProgress(string text)
    {
        if (!isTerminal)
            return;
        Error.Write($"\r{Printable(text)}\u001b[K");
        _isProgressShown = true;
    }

    /// <summary>Takes away what <see cref="ShowProgress"/> showed.</summary>
    public void EndProgress()
    {
        if (_isProgressShown)
            Error.Write("\r\u001b[K");
        _isProgressShown = false;
    }

    /// <summary>Writes a value as JSON.</summary>
    public void WriteJson<T>(T value, JsonTypeInfo<T> type) => Output.WriteLine(JsonSerializer.Serialize(value, type));

    /// <summary>Writes rows under headings.</summary>
    public void WriteTable(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        if (!isTerminal)
        {
            Output.WriteLine(string.Join('\t', headings));
            foreach (var row in rows)
            {
                Output.WriteLine(string.Join('\t', row.Select(Printable)));
            }

            return;
        }

        var table = new Table { Border = TableBorder.Rounded };
        foreach (var heading in headings)
        {
            table.AddColumn(new TableColumn(new Text(heading)));
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(Printable(cell))));
        }

        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Output) }).Write(table);
    }

    /// <summary>Names come from files that others wrote; they must not steer the terminal.</summary>
    private static string Printable(string text)
    {
        var printable = new StringBuilder(text.Length);
        foreach (var letter in text)
        {
            printable.Append(char.IsControl(letter) ? ' ' : letter);
        }

        return printable.ToString();
    }
}
