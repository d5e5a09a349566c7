using System.Reflection;
using System.Runtime.InteropServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Host.Commands;

/// <summary><c>version</c>: what this program is.</summary>
internal sealed class VersionCommand(CommandTerminal terminal)
{
    /// <summary>The product's version, without the commit.</summary>
    public static string Version { get; } =
        (typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown").Split('+')[0];

    public int Run(bool json)
    {
        var result = new VersionResult(Version, DriverContract.Version, RuntimeInformation.FrameworkDescription);
        if (json)
        {
            terminal.WriteJson(result, CommandJson.Readable.VersionResult);
        }
        else
        {
            terminal.Output.WriteLine($"glance-gateway {result.Version} (driver contract {result.DriverContract}, {result.Runtime})");
        }

        return ExitCodes.Success;
    }
}
