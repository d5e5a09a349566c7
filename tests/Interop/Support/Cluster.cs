using System.Globalization;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>Several real gateways on one PostgreSQL registry, each with a data directory of its own. Leaves nothing behind.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    /// <summary>Everything that a gateway may change for an image. Leases and the places of stores change by themselves.</summary>
    private static readonly string[] tables =
        ["images", "image_properties", "image_tags", "image_locations", "image_members", "staged_data", "store_intents", "tasks", "reservations", "changes"];

    private readonly TempDirectory directory = new();
    private readonly List<ClusterNode> nodes = [];
    private readonly string psql;
    private ServerScript? database;
    private string port = "";

    private Cluster(string psql) => this.psql = psql;

    /// <summary>A path of its own.</summary>
    public string this[string name] => directory[name];

    /// <summary>Starts the database; skips the test where there is none.</summary>
    public static async Task<Cluster> StartedAsync()
    {
        const string Installed = "/usr/lib/postgresql";
        var psql = Directory.Exists(Installed) ? Directory.EnumerateFiles(Installed, "psql", SearchOption.AllDirectories).Max(StringComparer.Ordinal) : null;
        Requires.Need(psql is not null, "PostgreSQL is not installed; tests/run installs it on Debian");
        Requires.Need(Environment.IsPrivilegedProcess, "PostgreSQL runs as a user of its own, which takes root");
        var cluster = new Cluster(psql);
        try
        {
            cluster.port = FreePorts.First(1).ToString(CultureInfo.InvariantCulture);
            cluster.database = await ServerScript.StartAsync("postgres", new() { ["PG_PORT"] = cluster.port });
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a gateway.</summary>
    /// <param name="name">What it calls itself.</param>
    /// <param name="storage">The directory below which its stores lie: that of another gateway to share them.</param>
    public async Task<ClusterNode> AddAsync(string name, string storage)
    {
        var file = directory[$"{name}.yaml"];
        await File.WriteAllTextAsync(
            file,
            $$"""
            node: {{name}}
            database: { provider: postgresql, connection: '{{database!.Settings["PG_CONNECTION"]}}' }
            limits: { lease: 3s }
            metadefs: { load_defaults: false }
            outbound: { allowed_networks: [127.0.0.1/32], allowed_ports: [] }
            stores:
              disk: { driver: filesystem, directory: {{directory[storage]}}/disk, default: true }
              stage: { driver: filesystem, directory: {{directory[storage]}}/stage }
            import: { staging_store: stage }
            """,
            TestContext.Current.CancellationToken);
        var data = directory[$"data-{name}"];
        if (nodes.Count == 0)
        {
            (await Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "db", "migrate", "--config", file, "--data", data], limit: TimeSpan.FromMinutes(3)))
                .Succeeded();
        }

        var node = new ClusterNode(await GatewayProcess.StartAsync(data, "--config", file));
        nodes.Add(node);
        return node;
    }

    /// <summary>Runs a command with the configuration of a gateway.</summary>
    public Task<CommandResult> CommandAsync(string name, params string[] arguments) => Command.RunAsync(
        "dotnet",
        [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), .. arguments, "--config", directory[$"{name}.yaml"], "--data", directory[$"data-{name}"]],
        limit: TimeSpan.FromMinutes(3));

    /// <summary>The files below a storage directory, hidden ones too, but for the marks of the directories.</summary>
    public string[] FilesIn(string storage) =>
    [
        .. Directory.GetFiles(directory[storage], "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Where(file => Path.GetFileName(file) != ".glance-gateway-place")
            .Select(file => Path.GetRelativePath(directory[storage], file))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>What the registry holds of images.</summary>
    public async Task<string> RowsAsync() =>
        await QueryAsync(string.Join(' ', tables.Select(table => $"SELECT '{table}', t.* FROM {table} t ORDER BY 2, 3, 4;")));

    /// <summary>Waits until nothing is left to clean up.</summary>
    public Task SettledAsync(TimeSpan limit) =>
        Eventually.TrueAsync("no attempt is left to settle", limit, async () => (await QueryAsync("SELECT count(*) FROM store_intents")).Trim() == "0");

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }

        if (database is not null)
        {
            await database.DisposeAsync();
        }

        directory.Dispose();
    }

    private async Task<string> QueryAsync(string sql) => (await Command.RunAsync(
        psql, ["-X", "-At", "-h", "127.0.0.1", "-p", port, "-U", "glance", "-d", "postgres", "-c", sql], new Dictionary<string, string> { ["PGPASSWORD"] = "pgsecret" }))
        .Succeeded().Output;
}

/// <summary>One gateway of a cluster.</summary>
internal sealed class ClusterNode(GatewayProcess gateway) : IAsyncDisposable
{
    private bool isPaused;

    public ImagesClient Images { get; } = new(gateway.Address);

    public Uri Address => gateway.Address;

    public string Log => gateway.Log;

    /// <summary>Stops it where it stands, as a frozen virtual machine does.</summary>
    public async Task PauseAsync()
    {
        await SignalAsync("-STOP");
        isPaused = true;
    }

    /// <summary>Lets it go on, unaware that time has passed.</summary>
    public async Task ResumeAsync()
    {
        await SignalAsync("-CONT");
        isPaused = false;
    }

    public async ValueTask DisposeAsync()
    {
        Images.Dispose();
        if (isPaused)
        {
            await ResumeAsync();
        }

        await gateway.DisposeAsync();
    }

    private async Task SignalAsync(string signal) =>
        (await Command.RunAsync("kill", [signal, gateway.Id.ToString(CultureInfo.InvariantCulture)])).Succeeded();
}
