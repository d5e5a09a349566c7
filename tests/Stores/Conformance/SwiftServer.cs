using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
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
    private Task<string>? _demoProject;
    private Task<SwiftAccount>? _serviceAccount;

    private SwiftServer(bool keystone)
    {
        var port = FreePorts.First(5);
        _environment = new Dictionary<string, string> { ["SWIFT_PORT_BASE"] = port.ToString(CultureInfo.InvariantCulture), ["SWIFT_KEY"] = Key };
        if (!keystone)
            return;
        var keystonePort = FreePorts.First();
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

    /// <summary>The id of the project demo, asked for once.</summary>
    public Task<string> DemoProjectAsync()
    {
        lock (_environment)
            return _demoProject ??= AskAsync();

        async Task<string> AskAsync() => (await LogInAsync("demo", "demo")).Project;
    }

    /// <summary>The account of the driver's own user, who may use all; logged in to once.</summary>
    internal Task<SwiftAccount> ServiceAccountAsync()
    {
        lock (_environment)
            return _serviceAccount ??= AskAsync();

        async Task<SwiftAccount> AskAsync()
        {
            var (token, _, account) = await LogInAsync("glance", "service");
            return new SwiftAccount(account, token);
        }
    }

    /// <summary>Logs in to Keystone as one of its users.</summary>
    /// <returns>A token, the project's id, and the URL of its account.</returns>
    public async Task<(string Token, string Project, string Account)> LogInAsync(string user, string project)
    {
        var domain = new JsonObject { ["id"] = "default" };
        var identity = new JsonObject
        {
            ["methods"] = new JsonArray("password"),
            ["password"] = new JsonObject { ["user"] = new JsonObject { ["name"] = user, ["domain"] = domain.DeepClone(), ["password"] = $"{user}secret" } },
        };
        var scope = new JsonObject { ["project"] = new JsonObject { ["name"] = project, ["domain"] = domain } };

        // Of known length: uwsgi takes no chunked bodies.
        using var body = new StringContent(new JsonObject { ["auth"] = new JsonObject { ["identity"] = identity, ["scope"] = scope } }.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var answer = await http.PostAsync(new Uri($"{KeystoneUrl}/auth/tokens"), body);
        answer.EnsureSuccessStatusCode();
        var id = (await answer.Content.ReadFromJsonAsync<JsonObject>())!["token"]!["project"]!["id"]!.ToString();
        return (answer.Headers.GetValues("X-Subject-Token").Single(), id, $"{new Uri(StorageUrl).GetLeftPart(UriPartial.Authority)}/v1/KEY_{id}");
    }

    private async Task<string> RunAsync(string name, string action) =>
        (await Command.RunAsync(Path.Combine(RepositoryPaths.Root, "tests", "servers", $"{name}.sh"), [action, _root[name]], _environment, TimeSpan.FromMinutes(3))).Succeeded().Output;
}

/// <summary>One server of each kind for all tests; started by the first of them.</summary>
public sealed class SharedSwiftServer : IAsyncDisposable
{
    private static readonly Lock s_gate = new();
    private static Task<SwiftServer>? s_server;
    private static Task<SwiftServer>? s_withKeystone;

    public static Task<SwiftServer> GetAsync()
    {
        lock (s_gate)
            return s_server ??= SwiftServer.StartAsync();
    }

    /// <summary>Another, whose users a real Keystone knows.</summary>
    public static Task<SwiftServer> GetWithKeystoneAsync()
    {
        lock (s_gate)
            return s_withKeystone ??= SwiftServer.StartAsync(keystone: true);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in new[] { s_server, s_withKeystone })
        {
            if (server is { IsCompletedSuccessfully: true } started)
                await (await started).DisposeAsync();
        }
    }
}
