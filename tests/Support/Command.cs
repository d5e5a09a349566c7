using System.Diagnostics;

namespace GlanceGateway.Testing;

/// <summary>What a command came to.</summary>
public sealed record CommandResult(string Line, int ExitCode, string Output, string Error)
{
    /// <summary>Fails the test when the command failed.</summary>
    public CommandResult Succeeded()
    {
        Assert.True(ExitCode == 0, $"{Line}\nexit code {ExitCode}\n{Output}\n{Error}");
        return this;
    }
}

/// <summary>Runs programs. Each runs under a time limit, so that a hang is a failure and not a hang of the tests.</summary>
public static class Command
{
    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">Its name or path.</param>
    /// <param name="arguments">Passed as they are, without a shell.</param>
    /// <param name="environment">Added to this process's.</param>
    /// <param name="limit">After which it is killed; a minute by default.</param>
    public static async Task<CommandResult> RunAsync(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, TimeSpan? limit = null)
    {
        var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var line = $"{program} {string.Join(' ', start.ArgumentList)}";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(limit ?? TimeSpan.FromMinutes(1));
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{line}\ndid not end in time\n{await output}\n{await error}");
        }

        return new CommandResult(line, process.ExitCode, await output, await error);
    }
}
