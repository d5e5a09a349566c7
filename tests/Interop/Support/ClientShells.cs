using System.Diagnostics;
using System.Text;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>The command line clients of Debian's packages, run many times from one Python process (<c>shells.py</c>), which saves a second a command.</summary>
internal sealed class ClientShells : IAsyncDisposable
{
    private static readonly TimeSpan limit = TimeSpan.FromMinutes(2);

    private readonly Process process;
    private readonly HashSet<string> commands = new(StringComparer.Ordinal);

    private ClientShells(Process process) => this.process = process;

    /// <summary>Every command that was run, as <c>glance image-list</c> or <c>openstack image add project</c>.</summary>
    public IReadOnlySet<string> Commands => commands;

    public static ClientShells Start()
    {
        Requires.Programs("openstack", "glance");
        // Debian's Python: the packages are for no other.
        var start = new ProcessStartInfo("/usr/bin/python3", [Path.Combine(RepositoryPaths.Root, "tests/Interop/Support/shells.py")])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        return new ClientShells(Process.Start(start)!);
    }

    /// <summary>Runs a command to its end.</summary>
    public async Task<CommandResult> RunAsync(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        commands.Add(string.Join(' ', [program, .. program == "glance" ? arguments.Take(1) : arguments.TakeWhile(a => a.All(char.IsAsciiLetterLower)).Take(3)]));
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(limit);
        await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(new { program, arguments, environment }));
        await process.StandardInput.FlushAsync(timeout.Token);
        var answer = JsonElement.Parse(await process.StandardOutput.ReadLineAsync(timeout.Token) ?? throw new InvalidOperationException("shells.py ended"));
        return new CommandResult(
            $"{program} {string.Join(' ', arguments)}", answer.GetProperty("code").GetInt32(), answer.GetProperty("out").GetString()!, answer.GetProperty("err").GetString()!);
    }

    public async ValueTask DisposeAsync()
    {
        process.StandardInput.Close();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }
}
