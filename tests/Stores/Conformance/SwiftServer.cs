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

    private SwiftServer(bool keystone)
    {
        var port = FreePorts.Find(1, inARow: 5)[0];
        _environment = new Dictionary<string, string> { ["SWIFT_PORT_BASE"] = port.ToString(CultureInfo.InvariantCulture), ["SWIFT_KEY"] = Key };
        if (!keystone)
            return;
        var keystonePort = FreePorts.Find(1)[0];
        KeystoneUrl = $"http://127.0.0.1:{keystonePort}/v3";
        _environment["KEYSTONE_PORT"] = keystonePort.ToString(CultureInfo.InvariantCulture);
        _environment["KEYSTONE_SWIFT_URL"] = $"http://127.0.0.1:{port}";
        _environment["SWIFT_KEYSTONE_URL"] = KeystoneUrl;
        _environment["SWIFT_KEYSTONE_PASSWORD"] = "swiftsecret";
    }

    /// <summary>Where users of a real Keystone log in; null when it was started without.</summary>
    public string? KeystoneUrl { get; }

    /// <summary>What logs in, and must never be seen anywhere else.</summary>
    public string Key { get; } = $"secret{Guid.NewGuid():N}";

    public string AuthUrl => _settings["SWIFT_AUTH_URL"];

    public string User => _settings["SWIFT_USER"];

    public string StorageUrl => _settings["SWIFT_STORAGE_URL"];

    /// <summary>Starts it.</summary>
    /// <param name="keystone">Whether a Keystone of its own vouches for users, beside Swift's own log-in.</param>
    public static async Task<SwiftServer> StartAsync(bool keystone = false)
    {
        Requires.Need(Environment.IsPrivilegedProcess, "Swift as the tests configure it takes root");
        Requires.Programs("swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached", "curl");
        var server = new SwiftServer(keystone);
        if (keystone)
        {
            Requires.Programs("keystone-manage", "keystone-wsgi-public", "uwsgi");
            Requires.FileOf("python3-keystonemiddleware", "/usr/lib/python3/dist-packages/keystonemiddleware/auth_token/__init__.py");
            await server.RunAsync("keystone", "start");
        }

        server._settings = (await server.RunAsync("swift", "start")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("swift", "stop");
        if (KeystoneUrl is not null)
            await RunAsync("keystone", "stop");
        _root.Dispose();
    }

    private async Task<string> RunAsync(string name, string action) =>
        (await Command.RunAsync(Path.Combine(RepositoryPaths.Root, "tests", "servers", $"{name}.sh"), [action, _root[name]], _environment, TimeSpan.FromMinutes(3))).Succeeded().Output;
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
