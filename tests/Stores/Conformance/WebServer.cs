using System.Globalization;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

[assembly: AssemblyFixture(typeof(SharedWebServer))]

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>A real nginx on loopback, started by <c>tests/servers/http.sh</c>.</summary>
public sealed class WebServer : IAsyncDisposable
{
    private readonly TempDirectory _root = new();
    private readonly Dictionary<string, string> _environment;
    private Dictionary<string, string> _settings = [];

    private WebServer()
    {
        _environment = new Dictionary<string, string>
        {
            ["HTTP_PORT"] = FreePorts.First().ToString(CultureInfo.InvariantCulture),
            ["HTTPS_PORT"] = FreePorts.First().ToString(CultureInfo.InvariantCulture),
            ["HTTP_PASSWORD"] = Password,
        };
    }

    public string Password { get; } = $"secret{Guid.NewGuid():N}";

    public string Url => _settings["HTTP_URL"];

    public string TlsUrl => _settings["HTTPS_URL"];

    public string CaFile => _settings["HTTP_CA_FILE"];

    public string PathOf(string name) => Path.Combine(_settings["HTTP_FILES"], name);

    public static async Task<WebServer> StartAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "nginx as the tests configure it takes root");
        Requires.Programs("nginx", "openssl");
        var server = new WebServer();
        server._settings = (await server.RunAsync("start")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return server;
    }

    /// <summary>Requests as the server logged them: request|status|Range|If-Range|Authorization|User-Agent.</summary>
    public async Task<IReadOnlyList<string>> ReadLogAsync(string containing)
    {
        await using var file = new FileStream(_settings["HTTP_LOG"], FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        var all = await reader.ReadToEndAsync();
        return [.. all.Split('\n').Where(line => line.Contains(containing, StringComparison.Ordinal))];
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("stop");
        _root.Dispose();
    }

    private async Task<string> RunAsync(string action) =>
        (await Command.RunAsync(Path.Combine(RepositoryPaths.Root, "tests", "servers", "http.sh"), [action, _root.Path], _environment, TimeSpan.FromMinutes(1))).Succeeded().Output;
}

/// <summary>One server for all tests; started by the first of them.</summary>
public sealed class SharedWebServer : IAsyncDisposable
{
    private static readonly Lock s_gate = new();
    private static Task<WebServer>? s_server;

    public static Task<WebServer> GetAsync()
    {
        lock (s_gate)
            return s_server ??= WebServer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (s_server is { IsCompletedSuccessfully: true } started)
            await (await started).DisposeAsync();
    }
}
