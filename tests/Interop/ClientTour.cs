using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>
/// A site with a real Keystone as its users see it through the clients' commands. Steps are command lines; <c>{name}</c> in one is replaced by what
/// an earlier step left under the name. The unified client logs in with each command. The image client does so with the first of each user and
/// brings a token and the address with the others: a login costs Keystone and the gateway more than the command itself.
/// </summary>
internal sealed class ClientTour : IAsyncDisposable
{
    private const int Size = 300_000;

    private const string Configuration = """
          username: glance
          password: glancesecret
          project_name: service
        stores:
          fast: { driver: filesystem, directory: $ROOT/tour-fast, default: true }
          deep: { driver: filesystem, directory: $ROOT/tour-deep, description: slow disks }
          remote: { driver: memory }
          web: { driver: http }
        cache: { max_size: 1GiB, min_free: 0 }
        locations: { show_multiple_locations: true }
        outbound: { allowed_networks: [127.0.0.1/32], allowed_ports: [] }
        """;

    private static readonly TimeSpan patience = TimeSpan.FromSeconds(90);

    private static readonly TimeSpan pause = TimeSpan.FromMilliseconds(200);

    private static readonly Dictionary<string, string> projects = new(StringComparer.Ordinal)
    {
        ["admin"] = "admin",
        ["demo"] = "demo",
        ["reader"] = "demo",
        ["alt"] = "alt",
    };

    private readonly KeystoneServer keystone;
    private readonly GatewayProcess gateway;
    private readonly FileServer web;
    private readonly ClientShells shells = ClientShells.Start();
    private readonly Dictionary<string, string> names;
    private readonly Dictionary<string, string> tokens;
    private readonly ConcurrentDictionary<string, bool> known;
    private readonly List<ClientTour> branches = [];
    private readonly List<string> failures = [];

    private ClientTour(
        KeystoneServer keystone, GatewayProcess gateway, FileServer web, byte[] content,
        Dictionary<string, string> names, Dictionary<string, string> tokens, ConcurrentDictionary<string, bool> known) =>
        (this.keystone, this.gateway, this.web, Content, this.names, this.tokens, this.known) = (keystone, gateway, web, content, names, tokens, known);

    /// <summary>What <c>{disk}</c> and <c>{web}</c> hold.</summary>
    public byte[] Content { get; }

    /// <summary>Every command that was run so far.</summary>
    public IEnumerable<string> Commands => branches.SelectMany(branch => branch.Commands).Concat(shells.Commands);

    /// <summary>What a step left under a name.</summary>
    public string this[string name] => names.GetValueOrDefault(name, "");

    /// <summary>Starts a gateway with several stores and a cache, and makes it the image endpoint of the catalogue.</summary>
    public static async Task<ClientTour> StartAsync(KeystoneServer keystone)
    {
        var content = PatternContent.Start(Size).ToArray();
        await File.WriteAllBytesAsync(keystone["disk.raw"], content);
        var gateway = await keystone.StartGatewayAsync("tour", Configuration.Replace("$ROOT", Path.GetDirectoryName(keystone["disk.raw"]), StringComparison.Ordinal));
        await keystone.PublishAsync(gateway);
        var tokens = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (user, project) in projects)
        {
            tokens[user] = await keystone.TokenAsync(user, project);
        }

        var web = new FileServer(content);
        return new ClientTour(keystone, gateway, web, content, new(StringComparer.Ordinal)
        {
            ["alt"] = (await keystone.CallAsync(HttpMethod.Get, "projects?name=alt", tokens["admin"]))["projects"]![0]!["id"]!.ToString(),
            ["disk"] = keystone["disk.raw"],
            ["saved"] = keystone["saved.raw"],
            ["web"] = web.Url,
        }, tokens, new(StringComparer.Ordinal));
    }

    /// <summary>A part that goes on beside others: with names and a Python of its own, at the same site.</summary>
    public ClientTour Branch()
    {
        var branch = new ClientTour(keystone, gateway, web, Content, new(names, StringComparer.Ordinal) { ["saved"] = keystone[$"saved-{branches.Count}.raw"] }, tokens, known);
        branches.Add(branch);
        return branch;
    }

    /// <summary>Fails with everything that went wrong: a tour goes on after a step that did.</summary>
    public void Ends()
    {
        var all = branches.Append(this).SelectMany(branch => branch.failures).ToList();
        Assert.True(all.Count == 0, $"{all.Count} steps went wrong\n\n{string.Join("\n\n", all)}");
    }

    /// <summary>Leaves something under a name.</summary>
    public void Keep(string name, string value) => names[name] = value;

    /// <summary>Runs a command that must succeed and whose output must hold all of this.</summary>
    public async Task<string> PassesAsync(string user, string line, params string[] says)
    {
        var result = await RunAsync(user, line);
        var missing = says.Select(Fill).Where(text => !Says(result, text)).ToList();
        if (result.ExitCode != 0 || missing.Count > 0)
        {
            Fails(user, result, $"does not say [{string.Join(", ", missing)}]");
        }

        return result.Output;
    }

    /// <summary>Runs a command that must fail and say why.</summary>
    public async Task RefusedAsync(string user, string line, string why)
    {
        var result = await RunAsync(user, line);
        if (result.ExitCode == 0 || !Says(result, Fill(why)))
        {
            Fails(user, result, $"should fail and say '{why}'");
        }
    }

    /// <summary>Runs a command that prints an image or the like, and keeps its id.</summary>
    public async Task MakesAsync(string name, string user, string line, params string[] says)
    {
        var output = await PassesAsync(user, line, says);
        names[name] = line.StartsWith("openstack", StringComparison.Ordinal)
            ? JsonElement.Parse(output).GetProperty("id").GetString()!
            : RealClient.Cells(output).FirstOrDefault(row => row is ["id", _])?[1] ?? "none";
    }

    /// <summary>Waits until a command says something.</summary>
    public async Task ComesToAsync(string user, string line, string text)
    {
        var begun = Stopwatch.GetTimestamp();
        for (var result = await RunAsync(user, line); !Says(result, Fill(text)); result = await RunAsync(user, line))
        {
            if (Stopwatch.GetElapsedTime(begun) > patience)
            {
                Fails(user, result, $"did not come to say '{text}'");
                return;
            }

            await Task.Delay(pause);
        }
    }

    /// <summary>Compares a saved file with what was uploaded, and removes it.</summary>
    public async Task SavedWholeAsync()
    {
        if (!File.Exists(names["saved"]) || !(await File.ReadAllBytesAsync(names["saved"])).AsSpan().SequenceEqual(Content))
        {
            failures.Add($"{names["saved"]} is not what was uploaded");
        }

        File.Delete(names["saved"]);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var branch in branches)
        {
            await branch.shells.DisposeAsync();
        }

        await shells.DisposeAsync();
        await web.DisposeAsync();
        await gateway.DisposeAsync();
        await keystone.PublishAsync(keystone.Gateway);
    }

    /// <summary>Whether a command said something, be it broken over rows of a table.</summary>
    private static bool Says(CommandResult result, string text) =>
        result.Output.Contains(text, StringComparison.Ordinal)
        || result.Error.Contains(text, StringComparison.Ordinal)
        || string.Concat(RealClient.Cells(result.Output).Select(row => row[^1])).Contains(text, StringComparison.Ordinal);

    private void Fails(string user, CommandResult result, string what) =>
        failures.Add($"{user}: {result.Line}\n{what}; exit code {result.ExitCode}\n{result.Output}\n{result.Error}");

    private Task<CommandResult> RunAsync(string user, string line)
    {
        var words = line.Split(' ');
        var environment = keystone.EnvironmentOf(user, projects[user]);
        if (words[0] == "glance" && !known.TryAdd(user, true))
        {
            environment["OS_AUTH_TOKEN"] = tokens[user];
            environment["OS_IMAGE_URL"] = gateway.Address.GetLeftPart(UriPartial.Authority);
        }

        return shells.RunAsync(words[0], [.. words.Skip(1).Select(Fill)], environment);
    }

    private string Fill(string text)
    {
        foreach (var (name, value) in names)
        {
            text = text.Replace($"{{{name}}}", value, StringComparison.Ordinal);
        }

        return text;
    }
}
