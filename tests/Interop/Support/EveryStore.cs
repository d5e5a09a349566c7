using System.Globalization;
using System.Text.Json;
using GlanceGateway.Interop.Tests;
using GlanceGateway.Stores.Tests.Sheepdog;
using GlanceGateway.Testing;

[assembly: AssemblyFixture(typeof(EveryStore))]

namespace GlanceGateway.Interop.Tests;

/// <summary>
/// One gateway with a mount and a store of every driver, each over its real server; only Sheepdog has a stand-in, and MongoDB where there is no
/// mongod. Started by the first test that wants it; servers start side by side.
/// </summary>
internal sealed class EveryStore : IAsyncDisposable
{
    private static readonly Lock gate = new();
    private static Task<EveryStore>? running;

    private readonly string _secret = Guid.NewGuid().ToString("N");
    private readonly List<IAsyncDisposable> _started = [];
    private readonly Dictionary<string, Dictionary<string, object>> _stores = [];
    private string? _filesOnTheWeb;
    private string? _web;
    private Site? _site;

    public Site Site => _site ?? throw new InvalidOperationException("nothing was started");

    public static Task<EveryStore> GetAsync()
    {
        lock (gate)
        {
            return running ??= StartAsync();
        }
    }

    /// <summary>Puts a file where the http store finds it.</summary>
    /// <returns>Its URL.</returns>
    public async Task<string> PublishAsync(string name, byte[] content)
    {
        await File.WriteAllBytesAsync(Path.Combine(_filesOnTheWeb!, name), content, TestContext.Current.CancellationToken);
        return $"{_web}/{name}";
    }

    public async ValueTask DisposeAsync()
    {
        if (running is { IsCompletedSuccessfully: true } started && await started != this)
        {
            await (await started).DisposeAsync();
            return;
        }

        if (_site is not null)
        {
            await _site.DisposeAsync();
        }

        await Task.WhenAll(_started.Select(one => one.DisposeAsync().AsTask()));
    }

    private static async Task<EveryStore> StartAsync()
    {
        Requires.RootMount();
        Requires.Programs("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "rbd", "curl", "openssl", "sshd", "useradd", "nginx");
        Requires.Programs("swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached");
        Requires.FileOf("python3-bson", "/usr/lib/python3/dist-packages/bson/__init__.py");
        var all = new EveryStore();
        try
        {
            await Task.WhenAll(all.StartCephAsync(), all.StartSwiftAsync(), all.StartSftpAsync(), all.StartMongoAsync(), all.StartWebAsync());
            await all.StartGatewayAsync();
            return all;
        }
        catch
        {
            await all.DisposeAsync();
            throw;
        }
    }

    private async Task StartGatewayAsync()
    {
        var sheep = StandInSheep.Start();
        sheep.Shuffles = false;
        _started.Add(sheep);
        _site = new Site(mounted: true);
        _stores["filesystem"] = new() { ["directories"] = $"{_site["near"]}:1, {_site["far"]}", ["default"] = true };
        _stores["memory"] = [];
        _stores["sheepdog"] = new() { ["port"] = sheep.Port };
        _stores["http"] = [];
        foreach (var (driver, store) in _stores)
        {
            store["driver"] = driver;
        }

        // JSON is YAML.
        _site.Configure(JsonSerializer.Serialize(new
        {
            stores = _stores,
            outbound = new Dictionary<string, string[]> { ["allowed_networks"] = ["127.0.0.1/32"], ["allowed_ports"] = [] },
        }));
        await _site.StartAsync();
    }

    // One Ceph for RBD and for S3 on its RadosGW.
    private async Task StartCephAsync()
    {
        var monitor = FreePorts.First(14);
        var rados = await StartAsync("radosgw", new()
        {
            ["CEPH_MON_PORT"] = Text(monitor),
            ["CEPH_PORT_BASE"] = Text(monitor + 2),
            ["RGW_PORT"] = Text(monitor + 12),
            ["RGW_TLS_PORT"] = Text(monitor + 13),
            ["CEPH_OSD_STORE"] = "memstore",
            ["S3_SECRET_KEY"] = Secret("s3"),
        });
        var ceph = ServerScript.Parse(await File.ReadAllTextAsync(Path.Combine(rados.Root, "ceph.settings")));
        lock (_stores)
        {
            _stores["rbd"] = new() { ["pool"] = ceph["CEPH_POOL"], ["user"] = ceph["CEPH_USER"], ["ceph_conf"] = ceph["CEPH_CONF"], ["keyring"] = ceph["CEPH_USER_KEYRING"] };
            _stores["s3"] = new()
            {
                ["endpoint"] = rados.Settings["S3_TLS_ENDPOINT"],
                ["ca_file"] = rados.Settings["S3_CA_FILE"],
                ["bucket"] = "images",
                ["create_bucket"] = true,
                ["access_key"] = rados.Settings["S3_ACCESS_KEY"],
                ["secret_key"] = Secret("s3"),
            };
        }
    }

    private async Task StartSwiftAsync()
    {
        var swift = await StartAsync("swift", new() { ["SWIFT_PORT_BASE"] = Text(FreePorts.First(5)), ["SWIFT_KEY"] = Secret("swift") });
        lock (_stores)
        {
            _stores["swift"] = new()
            {
                ["auth_url"] = swift.Settings["SWIFT_AUTH_URL"],
                ["auth_version"] = 1,
                ["username"] = swift.Settings["SWIFT_USER"],
                ["password"] = Secret("swift"),
                ["container"] = "images",
                ["create_container"] = true,
            };
        }
    }

    private async Task StartSftpAsync()
    {
        var account = $"glance-all-{Guid.NewGuid().ToString("N")[..10]}";
        var sshd = await StartAsync("sshd", new() { ["SSHD_PORT"] = Text(FreePorts.First(1)), ["SFTP_USER"] = account, ["SFTP_PASSWORD"] = Secret("sftp") });
        lock (_stores)
        {
            _stores["sftp"] = new()
            {
                ["host"] = "127.0.0.1",
                ["port"] = int.Parse(sshd.Settings["SFTP_PORT"], CultureInfo.InvariantCulture),
                ["user"] = account,
                ["private_key_file"] = sshd.Settings["SFTP_KEY"],
                ["host_key_fingerprint"] = sshd.Settings["SFTP_HOST_KEY_SHA256"],
                ["directory"] = sshd.Settings["SFTP_DIRECTORY"],
            };
        }
    }

    private async Task StartMongoAsync()
    {
        var ports = FreePorts.First(2);
        var mongo = await StartAsync("mongo", new() { ["MONGO_PORT"] = Text(ports), ["MONGO_TLS_PORT"] = Text(ports + 1), ["MONGO_PASSWORD"] = Secret("mongo") });
        var store = new Dictionary<string, object> { ["uri"] = $"mongodb://{mongo.Settings["MONGO_SERVER"]}/?directConnection=true", ["database"] = "glance" };
        if (mongo.Settings.TryGetValue("MONGO_USER", out var user))
        {
            (store["username"], store["password"]) = (user, Secret("mongo"));
        }

        lock (_stores)
        {
            _stores["gridfs"] = store;
        }
    }

    private async Task StartWebAsync()
    {
        var ports = FreePorts.First(2);
        var nginx = await StartAsync("http", new() { ["HTTP_PORT"] = Text(ports), ["HTTPS_PORT"] = Text(ports + 1), ["HTTP_PASSWORD"] = Secret("http") });
        (_web, _filesOnTheWeb) = (nginx.Settings["HTTP_URL"], nginx.Settings["HTTP_FILES"]);
    }

    private async Task<ServerScript> StartAsync(string name, Dictionary<string, string> environment)
    {
        var server = await ServerScript.StartAsync(name, environment);
        lock (_started)
        {
            _started.Add(server);
        }

        return server;
    }

    private string Secret(string of) => $"{of}{_secret}";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
