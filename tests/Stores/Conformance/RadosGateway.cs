using System.Globalization;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

[assembly: AssemblyFixture(typeof(SharedRadosGateway))]

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>A real RadosGW over a real Ceph on loopback, started by <c>tests/servers/radosgw.sh</c>.</summary>
public sealed class RadosGateway : IAsyncDisposable
{
    private readonly TempDirectory root = new();
    private readonly Dictionary<string, string> environment;
    private Dictionary<string, string> settings = [];

    private RadosGateway()
    {
        // Two for the monitor, the rest for the OSD.
        var monitor = FreePorts.First(14);
        environment = new Dictionary<string, string>
        {
            ["RGW_PORT"] = FreePorts.First().ToString(CultureInfo.InvariantCulture),
            ["RGW_TLS_PORT"] = FreePorts.First().ToString(CultureInfo.InvariantCulture),
            ["CEPH_MON_PORT"] = monitor.ToString(CultureInfo.InvariantCulture),
            ["CEPH_PORT_BASE"] = (monitor + 2).ToString(CultureInfo.InvariantCulture),
            ["CEPH_OSD_STORE"] = "memstore",
            ["S3_SECRET_KEY"] = SecretKey,
        };
    }

    /// <summary>What signs the requests, and must never be seen anywhere else.</summary>
    public string SecretKey { get; } = $"secret{Guid.NewGuid():N}";

    public string AccessKey => settings["S3_ACCESS_KEY"];

    public string Endpoint => settings["S3_ENDPOINT"];

    public string TlsEndpoint => settings["S3_TLS_ENDPOINT"];

    public string CaFile => settings["S3_CA_FILE"];

    /// <summary>Requests as the server logged them.</summary>
    public async Task<IReadOnlyList<string>> ReadLogAsync(string containing)
    {
        await using var file = new FileStream(settings["S3_LOG"], FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        var all = await reader.ReadToEndAsync();
        return [.. all.Split('\n').Where(line => line.Contains("beast: ", StringComparison.Ordinal) && line.Contains(containing, StringComparison.Ordinal))];
    }

    public static async Task<RadosGateway> StartAsync()
    {
        Requires.Need(Environment.IsPrivilegedProcess, "a Ceph with a RadosGW takes root");
        Requires.Programs("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "rbd", "curl", "openssl");
        var server = new RadosGateway();
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Starts it on the same ports with the same objects.</summary>
    public async Task StartAgainAsync() =>
        settings = (await RunAsync("start")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>Kills the gateway without warning; the Ceph below it keeps the objects.</summary>
    public async Task KillAsync() => await Command.RunAsync("kill", ["-KILL", (await File.ReadAllTextAsync(root["run/radosgw.pid"])).Split(' ')[0]]);

    public async ValueTask DisposeAsync()
    {
        await RunAsync("stop");
        root.Dispose();
    }

    private async Task<string> RunAsync(string action) =>
        (await Command.RunAsync(Path.Combine(RepositoryPaths.Root, "tests", "servers", "radosgw.sh"), [action, root.Path], environment, TimeSpan.FromMinutes(2))).Succeeded().Output;
}

/// <summary>One server for all tests that only need a bucket; started by the first of them.</summary>
public sealed class SharedRadosGateway : IAsyncDisposable
{
    private static readonly Lock gate = new();
    private static Task<RadosGateway>? server;

    public static Task<RadosGateway> GetAsync()
    {
        lock (gate)
            return server ??= RadosGateway.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is { IsCompletedSuccessfully: true } started)
            await (await started).DisposeAsync();
    }
}
