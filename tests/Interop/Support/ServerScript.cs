using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A real server on loopback, started by a script of <c>tests/servers</c> and stopped by its dispose.</summary>
internal sealed class ServerScript : IAsyncDisposable
{
    private readonly TempDirectory _root = new();
    private readonly string _script;
    private readonly Dictionary<string, string> _environment;

    private ServerScript(string name, Dictionary<string, string> environment)
    {
        _script = Path.Combine(RepositoryPaths.Root, "tests", "servers", name + ".sh");
        _environment = environment;
    }

    /// <summary>What the script said of it.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; private set; } = new Dictionary<string, string>();

    /// <summary>Where it keeps everything.</summary>
    public string Root => _root.Path;

    /// <param name="name">The script's, without its ending.</param>
    /// <param name="environment">The settings that the script wants.</param>
    public static async Task<ServerScript> StartAsync(string name, Dictionary<string, string> environment)
    {
        var server = new ServerScript(name, environment);
        try
        {
            server.Settings = Parse((await server.RunAsync("start")).Succeeded().Output);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lines of KEY=VALUE.</summary>
    public static Dictionary<string, string> Parse(string settings) =>
        settings.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    public async ValueTask DisposeAsync()
    {
        await RunAsync("stop");
        _root.Dispose();
    }

    private Task<CommandResult> RunAsync(string action) => Command.RunAsync(_script, [action, _root.Path], _environment, TimeSpan.FromMinutes(10));
}
