using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>One of the command line clients, as a user without any configuration has it: a fresh home, no Keystone.</summary>
internal sealed class RealClient
{
    private readonly string program;
    private readonly string[] connection;
    private readonly Dictionary<string, string> environment;

    private RealClient(string program, Site site, string[] connection)
    {
        Requires.Programs(program);
        this.program = program;
        this.connection = connection;
        var home = site[$"home-{Guid.NewGuid():N}"];
        Directory.CreateDirectory(home);
        // Messages and dates are compared: no translation.
        environment = new() { ["HOME"] = home, ["LC_ALL"] = "C.UTF-8" };
    }

    /// <summary>The unified client.</summary>
    public static RealClient OpenStack(Site site) => new("openstack", site, ["--os-auth-type", "none", "--os-endpoint", site.Url]);

    /// <summary>The image client.</summary>
    public static RealClient Glance(Site site) => new("glance", site, ["--os-auth-token", "any", "--os-image-url", site.Url]);

    public Task<CommandResult> TryAsync(params string[] arguments) => Command.RunAsync(program, [.. connection, .. arguments], environment);

    /// <summary>Runs a command that must succeed.</summary>
    public async Task<string> RunAsync(params string[] arguments) => (await TryAsync(arguments)).Succeeded().Output;

    /// <summary>Runs a command of the unified client that prints JSON when asked.</summary>
    public async Task<JsonElement> JsonAsync(params string[] arguments) =>
        JsonDocument.Parse(await RunAsync([.. arguments, "-f", "json"])).RootElement;

    /// <summary>Runs a command of the image client that prints a table of names and values.</summary>
    public async Task<Dictionary<string, string>> TableAsync(params string[] arguments)
    {
        var rows = Cells(await RunAsync(arguments)).Where(row => row.Length == 2).ToList();
        var table = new Dictionary<string, string>(StringComparer.Ordinal);
        var last = "";
        foreach (var row in rows)
        {
            // A long value goes on in rows without a name.
            last = row[0].Length > 0 ? row[0] : last;
            table[last] = table.GetValueOrDefault(last) + row[1];
        }

        return table;
    }

    /// <summary>The rows of a table, without its frame.</summary>
    public static IEnumerable<string[]> Cells(string table) =>
        table.Split('\n').Where(line => line.StartsWith('|')).Select(line => line.Trim('|', '\r').Split('|', StringSplitOptions.TrimEntries));
}
