using System.Diagnostics;
using System.Reflection;

namespace GlanceGateway.Host.Tests.Commands;

/// <summary>The built program, run as users run it.</summary>
internal static class BuiltGateway
{
    /// <summary>Where it was built, with its plugins.</summary>
    public static readonly string Directory =
        Assembly.Load("GlanceGateway.Testing").GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "HostDirectory").Value!;

    private static readonly string Program = Path.Join(Directory, "glance-gateway.dll");

    /// <summary>Runs a command line in a directory; the only GLANCE_GATEWAY_ variables are the given ones.</summary>
    public static async Task<Outcome> RunAsync(string directory, IEnumerable<string> arguments, params (string Name, string Value)[] variables)
    {
        using var process = Start(directory, arguments, variables);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return new Outcome(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    /// <summary>Starts a command line whose streams the caller reads.</summary>
    public static Process Start(string directory, IEnumerable<string> arguments, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo("dotnet", [Program, .. arguments])
        {
            WorkingDirectory = directory,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("GLANCE_GATEWAY_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    internal sealed record Outcome(int ExitCode, string Output, string Error);
}
