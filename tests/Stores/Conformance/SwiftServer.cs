using System.Globalization;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

[assembly: AssemblyFixture(typeof(SharedSwiftServer))]

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>A real Swift, all in one, on loopback, started by <c>tests/servers/swift.sh</c>.</summary>
public sealed class SwiftServer : IAsyncDisposable
{
    private readonly TempDirectory _root = new();
    private readonly Dictionary<string, string> _environment;
    private Dictionary<string, string> _settings = [];

    private SwiftServer() => _environment = new Dictionary<string, string>
    {
        ["SWIFT_PORT_BASE"] = FreePorts.Find(1, inARow: 5)[0].ToString(CultureInfo.InvariantCulture),
        ["SWIFT_KEY"] = Key,
    };

    /// <summary>What logs in, and must never be seen anywhere else.</summary>
    public string Key { get; } = $"secret{Guid.NewGuid():N}";

    public string AuthUrl => _settings["SWIFT_AUTH_URL"];

    public string User => _settings["SWIFT_USER"];

    public string StorageUrl => _settings["SWIFT_STORAGE_URL"];

    public static async Task<SwiftServer> StartAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "Swift as the tests configure it takes root");
        Requires.Programs("swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached", "curl");
        var server = new SwiftServer();
        server._settings = (await server.RunAsync("start")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("stop");
        _root.Dispose();
    }

    private async Task<string> RunAsync(string action) =>
        (await Command.RunAsync(Path.Combine(RepositoryPaths.Root, "tests", "servers", "swift.sh"), [action, _root.Path], _environment, TimeSpan.FromMinutes(3))).Succeeded().Output;
}

/// <summary>One server for all tests; started by the first of them.</summary>
public sealed class SharedSwiftServer : IAsyncDisposable
{
    private static readonly Lock s_gate = new();
    private static Task<SwiftServer>? s_server;

    public static Task<SwiftServer> GetAsync()
    {
        lock (s_gate)
            return s_server ??= SwiftServer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (s_server is { IsCompletedSuccessfully: true } started)
            await (await started).DisposeAsync();
    }
}
