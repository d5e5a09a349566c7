using System.Globalization;
using System.Text.Json;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

[assembly: AssemblyFixture(typeof(SharedCeph))]

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>A real Ceph on loopback, started by <c>tests/servers/ceph.sh</c>: a monitor and an OSD in memory.</summary>
public sealed class CephServer : IAsyncDisposable
{
    /// <summary>Pools that the user may write to.</summary>
    public static readonly IReadOnlyList<string> Pools = ["images", "bare", "hosted", "alone"];

    /// <summary>A pool that the user may not even read.</summary>
    public const string VolumePool = "volumes";

    private readonly TempDirectory root = new();
    private readonly Dictionary<string, string> environment;
    private Dictionary<string, string> settings = [];

    private CephServer(string store)
    {
        // Two for the monitor, the rest for the OSD.
        var monitor = FreePorts.First(14);
        environment = new Dictionary<string, string>
        {
            ["CEPH_MON_PORT"] = monitor.ToString(CultureInfo.InvariantCulture),
            ["CEPH_PORT_BASE"] = (monitor + 2).ToString(CultureInfo.InvariantCulture),
            ["CEPH_OSD_STORE"] = store,
            ["CEPH_POOL"] = Pools[0],
            ["CEPH_MORE_POOLS"] = string.Join(' ', Pools.Skip(1)),
            ["CEPH_OTHER_POOLS"] = VolumePool,
        };
    }

    public string Conf => settings["CEPH_CONF"];

    public string User => settings["CEPH_USER"];

    public string Keyring => settings["CEPH_USER_KEYRING"];

    public string Fsid => settings["CEPH_FSID"];

    public static async Task<CephServer> StartAsync(string store = "memstore")
    {
        Requires.Need(Environment.IsPrivilegedProcess, "a Ceph of our own takes root");
        Requires.Programs("ceph", "ceph-mon", "ceph-osd", "rbd", "rados");
        var server = new CephServer(store);
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Starts it on the same ports; with a store on disk it has the same images.</summary>
    public async Task StartAgainAsync() =>
        settings = (await ScriptAsync("start")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>Kills monitor and OSD without warning.</summary>
    public async Task KillAsync()
    {
        foreach (var daemon in (string[])["mon.a", "osd.0"])
            await SignalAsync(daemon, "KILL");
    }

    /// <summary>Sends a signal to <c>mon.a</c> or <c>osd.0</c>: STOP and CONT let it stand still for a while.</summary>
    public async Task SignalAsync(string daemon, string signal) =>
        (await Command.RunAsync("kill", [$"-{signal}", (await File.ReadAllTextAsync(root[$"run/{daemon}.pid"])).Split(' ')[0]])).Succeeded();

    /// <summary>Runs <c>ceph</c>, <c>rbd</c> or <c>rados</c> as the administrator.</summary>
    public async Task<CommandResult> RunAsync(string program, params string[] arguments) =>
        await Command.RunAsync(program, ["-c", Conf, "-k", settings["CEPH_ADMIN_KEYRING"], .. arguments]);

    /// <summary>The same, which must succeed; its output.</summary>
    public async Task<string> MustAsync(string program, params string[] arguments) => (await RunAsync(program, arguments)).Succeeded().Output;

    /// <summary>
    /// Shuts out the clients that write to unfinished images of a pool, so that the cluster takes them for dead at once: a driver in this process
    /// cannot really be killed, and Ceph waits 30 s for one that was.
    /// </summary>
    public async Task ShutOutWritersAsync(string pool)
    {
        var addresses = new HashSet<string>();
        foreach (var image in (await MustAsync("rbd", "ls", pool)).Split('\n').Where(name => name.StartsWith(".glance-", StringComparison.Ordinal)))
        {
            // Half removed, it has its name and nobody who writes.
            var answer = await RunAsync("rbd", "status", $"{pool}/{image}", "--format", "json");
            if (answer.Error.Contains("(2) No such file or directory", StringComparison.Ordinal))
                continue;
            using var status = JsonDocument.Parse(answer.Succeeded().Output);
            foreach (var watcher in status.RootElement.GetProperty("watchers").EnumerateArray())
                addresses.Add(watcher.GetProperty("address").GetString()!);
        }

        foreach (var address in addresses)
            await MustAsync("ceph", "osd", "blocklist", "add", address);
    }

    public async ValueTask DisposeAsync()
    {
        await ScriptAsync("stop");
        root.Dispose();
    }

    private async Task<string> ScriptAsync(string action) =>
        (await Command.RunAsync(Path.Combine(RepositoryPaths.Root, "tests", "servers", "ceph.sh"), [action, root.Path], environment, TimeSpan.FromMinutes(3))).Succeeded().Output;
}

/// <summary>One cluster for all tests that only need a pool; started by the first of them.</summary>
public sealed class SharedCeph : IAsyncDisposable
{
    private static readonly Lock gate = new();
    private static Task<CephServer>? server;

    public static Task<CephServer> GetAsync()
    {
        lock (gate)
            return server ??= CephServer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is { IsCompletedSuccessfully: true } started)
            await (await started).DisposeAsync();
    }
}
