using System.Globalization;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;
using MongoDB.Driver;

[assembly: AssemblyFixture(typeof(SharedMongoServer))]

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>
/// What <c>tests/servers/mongo.sh</c> starts: a real mongod when the machine has one, else the STAND-IN, which is not MongoDB and says nothing
/// about durability. With <c>GLANCE_TEST_MONGODB=uri</c> nothing is started and that server is used; its user may make databases.
/// </summary>
public sealed class MongoServer : IAsyncDisposable
{
    private readonly TempDirectory root = new();
    private readonly Dictionary<string, string> environment;
    private readonly MongoUrl? real;
    private Dictionary<string, string> settings = [];

    private MongoServer()
    {
        real = Environment.GetEnvironmentVariable("GLANCE_TEST_MONGODB") is { Length: > 0 } uri ? new MongoUrl(uri) : null;
        environment = new Dictionary<string, string>
        {
            ["MONGO_PORT"] = Port.ToString(CultureInfo.InvariantCulture),
            ["MONGO_TLS_PORT"] = TlsPort.ToString(CultureInfo.InvariantCulture),
            ["MONGO_PASSWORD"] = Password,
        };
    }

    /// <summary>What logs in to the stand-in, and must never be seen anywhere else.</summary>
    public string Password { get; } = $"pass-{Guid.NewGuid():N}";

    public int Port { get; } = FreePorts.First();

    public int TlsPort { get; } = FreePorts.First();

    public string CaFile => settings["MONGO_CA_FILE"];

    /// <summary>Whether it is the stand-in, which has users, TLS and a life of its own.</summary>
    public bool IsStandIn => real is null && settings["MONGO_KIND"] == "standin";

    /// <summary>Whether the tests started it, on <see cref="Port"/>.</summary>
    public bool IsOnLoopback => real is null;

    /// <summary>What the library itself connects with.</summary>
    public MongoClientSettings ClientSettings
    {
        get
        {
            var client = real is null ? new MongoClientSettings { Server = new MongoServerAddress("127.0.0.1", Port) } : MongoClientSettings.FromUrl(real);
            if (IsStandIn)
                client.Credential = MongoCredential.CreateCredential("admin", settings["MONGO_USER"], Password);
            return client;
        }
    }

    public static async Task<MongoServer> StartAsync()
    {
        var server = new MongoServer();
        if (server.real is null)
            await server.StartAgainAsync();
        return server;
    }

    /// <summary>The options of a store on it.</summary>
    public Dictionary<string, object?> Options(string database)
    {
        var options = new Dictionary<string, object?> { ["database"] = database };
        if (real is null)
        {
            options["uri"] = $"mongodb://127.0.0.1:{Port}/?directConnection=true";
            if (IsStandIn)
                (options["username"], options["password"]) = (settings["MONGO_USER"], Password);
            return options;
        }

        var bare = new MongoUrlBuilder(real.Url) { Username = null, Password = null };
        options["uri"] = bare.ToString();
        if (real.Username is not null)
            (options["username"], options["password"], options["auth_database"]) = (real.Username, real.Password, real.AuthenticationSource ?? "admin");
        return options;
    }

    /// <summary>Starts it on the same port; the stand-in has forgotten everything.</summary>
    public async Task StartAgainAsync() =>
        settings = (await RunAsync("start")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>Ends it.</summary>
    public Task StopAsync() => RunAsync("stop");

    public async ValueTask DisposeAsync()
    {
        if (real is null)
            await StopAsync();
        root.Dispose();
    }

    private async Task<string> RunAsync(string action) =>
        (await Command.RunAsync(Path.Combine(RepositoryPaths.Root, "tests", "servers", "mongo.sh"), [action, root.Path], environment, TimeSpan.FromMinutes(2))).Succeeded().Output;
}

/// <summary>One server for all tests that only need a database; started by the first of them.</summary>
public sealed class SharedMongoServer : IAsyncDisposable
{
    private static readonly Lock gate = new();
    private static Task<MongoServer>? server;

    public static Task<MongoServer> GetAsync()
    {
        lock (gate)
            return server ??= StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is { IsCompletedSuccessfully: true } started)
            await (await started).DisposeAsync();
    }

    private static Task<MongoServer> StartAsync()
    {
        Requires.FileOf("python3-bson", "/usr/lib/python3/dist-packages/bson/__init__.py");
        return MongoServer.StartAsync();
    }
}
