using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.Swift;
using GlanceGateway.Stores.Tests.Faults;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>Segments so small that many images are large objects.</summary>
public sealed class SwiftConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SwiftFixture(hosted: false, "256KiB");
}

/// <summary>The same suite over the driver as the product uses it: loaded from its folder, behind the guard.</summary>
public sealed class HostedSwiftConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SwiftFixture(hosted: true, "10MiB");
}

/// <summary>The same suite against the Swift API of RadosGW.</summary>
public sealed class RadosGatewaySwiftConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SwiftFixture(hosted: false, "512KiB", SwiftKind.RadosGateway);
}

/// <summary>The same suite where a real Keystone says who may.</summary>
public sealed class KeystoneSwiftConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SwiftFixture(hosted: false, "256KiB", SwiftKind.Keystone);
}

/// <summary>The same suite with images in the account of another project, where a real Keystone says who may.</summary>
public sealed class TenantSwiftConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SwiftFixture(hosted: false, "256KiB", SwiftKind.Tenants);
}

/// <summary>Where the suite runs.</summary>
public enum SwiftKind
{
    /// <summary>Swift with a log-in of its own.</summary>
    TempAuth,

    /// <summary>Ceph's.</summary>
    RadosGateway,

    /// <summary>Swift with Keystone.</summary>
    Keystone,

    /// <summary>Swift with Keystone, and a project that is not the driver's own.</summary>
    Tenants,
}

public sealed class SwiftFixture(bool hosted, string segmentSize, SwiftKind kind = SwiftKind.TempAuth) : DriverFixture
{
    private readonly TempDirectory _root = new();
    private readonly string _container = $"glance-{Guid.NewGuid():N}";
    private readonly List<IAsyncDisposable> _opened = [];
    private FaultProxy? _line;
    private SwiftAccount? _account;
    private Uri? _authUrl;
    private string? _project;

    public override string DriverName => "swift";

    public override string? ProjectId => _project;

    // An image of one segment is a single PUT, which knows nothing of what was settled before it, unless its container went with that.
    public override bool SettledAttemptsCannotCommit => kind == SwiftKind.Tenants;

    // The first segment is held back, because the image may end within it.
    public override bool WritesLeaveResidue => segmentSize != "10MiB";

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        var options = kind switch
        {
            SwiftKind.TempAuth => OptionsOf(await SharedSwiftServer.GetAsync()),
            SwiftKind.RadosGateway => await OptionsOfRadosAsync(),
            _ => OptionsOfKeystone(await SharedSwiftServer.GetWithKeystoneAsync()),
        };
        if (kind == SwiftKind.Tenants)
        {
            options["multi_tenant"] = true;
            _project = await (await SharedSwiftServer.GetWithKeystoneAsync()).DemoProjectAsync();
        }

        // The token is kept, so with Keystone too it is enough that Swift is out of reach.
        _account ??= kind is SwiftKind.TempAuth or SwiftKind.RadosGateway
            ? await SwiftAccount.LogInAsync((string)options["auth_url"]!, (string)options["username"]!, (string)options["password"]!, cancellationToken)
            : await (await SharedSwiftServer.GetWithKeystoneAsync()).ServiceAccountAsync();
        _line ??= new FaultProxy(new Uri(_account.Url).Port);
        if (kind is SwiftKind.TempAuth or SwiftKind.RadosGateway)
            options["auth_url"] = Through(_line, (string)options["auth_url"]!);
        options["storage_url"] = Through(_line, _account.Url);
        options["container"] = _container;
        options["create_container"] = true;
        options["segment_size"] = segmentSize;
        _authUrl = new Uri((string)options["auth_url"]!);
        return hosted ? await OpenHostedAsync(options, cancellationToken) : await OpenBareAsync(options, cancellationToken);
    }

    public override bool CanBreak => true;

    public override ValueTask BreakAsync(CancellationToken cancellationToken)
    {
        _line!.Begin(NetworkFault.Refusal, afterBytes: 0);
        return ValueTask.CompletedTask;
    }

    public override ValueTask MendAsync(CancellationToken cancellationToken)
    {
        _line!.End();
        return ValueTask.CompletedTask;
    }

    // Objects, and the containers of the images of other projects.
    public override async ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken)
    {
        long count = await _account!.CountAsync(_container, cancellationToken);
        if (kind != SwiftKind.Tenants)
            return count;
        var tenant = _account.At(_account.Url[..(_account.Url.LastIndexOf("KEY_", StringComparison.Ordinal) + "KEY_".Length)] + _project);
        foreach (var container in await tenant.ListContainersAsync(_container, cancellationToken))
            count += 1 + await tenant.CountAsync(container, cancellationToken);
        return count;
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => OpenAsync(cancellationToken);

    public override IEnumerable<string> ForeignLocations(string location)
    {
        var id = Guid.NewGuid();
        return
        [
            .. kind == SwiftKind.Tenants ? ForeignAccounts(location, id) : [],
            $"swift+config://ref1/{_container}", $"swift+config://ref1/{_container}/", $"swift+config://ref1/{_container}//{id}", $"swift+config://ref1/{_container}/a/{id}",
            $"swift+config://ref1/{_container}x/{id}", $"swift+config://ref1/other/{id}", $"swift+config://ref2/{_container}/{id}", $"swift+config:///{_container}/{id}",
            $"swift+config://ref1/{_container}/..", $"swift+config://ref1/{_container}/.glance-{id}-{id:N}", $"swift+config://ref1/{_container}/.segments/x",
            $"Swift+config://ref1/{_container}/{id}", $"swift+https://u:k@{_authUrl!.Authority}{_authUrl.AbsolutePath}/{_container}/{id}",
            $"swift+http://u:k@elsewhere{_authUrl.AbsolutePath}/{_container}/{id}", $"swift+http://u:k@{_authUrl.Authority}/other/{_container}/{id}", $"http://{_authUrl.Authority}/{_container}/{id}",
        ];
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var one in _opened)
            await one.DisposeAsync();
        if (_line is not null)
            await _line.DisposeAsync();
        _root.Dispose();
        await base.DisposeAsync();
    }

    internal static Dictionary<string, object?> OptionsOf(SwiftServer server) => new()
    {
        ["auth_url"] = server.AuthUrl,
        ["auth_version"] = 1L,
        ["username"] = server.User,
        ["password"] = server.Key,
    };

    internal static Dictionary<string, object?> OptionsOfKeystone(SwiftServer server) => new()
    {
        ["auth_url"] = server.KeystoneUrl,
        ["username"] = "glance",
        ["password"] = "glancesecret",
        ["project_name"] = "service",
    };

    // A good one is swift+http://host/v1/KEY_project/container_image/image.
    private IEnumerable<string> ForeignAccounts(string location, Guid id)
    {
        var image = location[(location.LastIndexOf('/') + 1)..];
        var account = location[..(location.Length - $"/{_container}_{image}/{image}".Length)];
        var url = account["swift+".Length..];
        var host = new Uri(url).Authority;
        return
        [
            location.Replace(host, "elsewhere", StringComparison.Ordinal), location.Replace(host, "127.0.0.1", StringComparison.Ordinal), location.Replace(host, $"u:k@{host}", StringComparison.Ordinal),
            location.Replace("http", "https", StringComparison.Ordinal), location.Replace("swift+http", "swift", StringComparison.Ordinal), location.Replace("swift+", "", StringComparison.Ordinal),
            location.Replace("/v1/", "/v2/", StringComparison.Ordinal), location.Replace("/v1/", "//", StringComparison.Ordinal), location.Replace("KEY_", "AUTH_", StringComparison.Ordinal),
            location.Replace($"KEY_{_project}", "KEY_", StringComparison.Ordinal), location.Replace($"KEY_{_project}", "KEY_..", StringComparison.Ordinal), location.Replace(_project!, "a%2Fb", StringComparison.Ordinal),
            $"{account}/{_container}/{image}", $"{account}/{_container}_{id}/{image}", $"{account}/{_container}_{image}/{id}", $"{account}/x{_container}_{image}/{image}", $"{account}/other/{image}",
            $"{account}/{_container}_{image}", $"{account}/{_container}_{image}/", $"{account}/{_container}_{image}/.segments/{image}", $"{location}?multipart-manifest=delete", $"{location}#x", $"{location}/",
        ];
    }

    private static string Through(FaultProxy line, string url) => new UriBuilder(url) { Port = line.Port }.Uri.AbsoluteUri;

    private static async Task<Dictionary<string, object?>> OptionsOfRadosAsync()
    {
        var server = await SharedRadosGateway.GetAsync();
        return new()
        {
            ["auth_url"] = server.Endpoint + "/auth/v1.0",
            ["auth_version"] = 1L,
            ["username"] = "glance:swift",
            ["password"] = server.SecretKey,
        };
    }

    private async ValueTask<IStorageDriver> OpenBareAsync(Dictionary<string, object?> options, CancellationToken cancellationToken)
    {
        var factory = new SwiftDriverFactory();
        var driver = await factory.CreateAsync(
            OptionReader.Read(factory.Options, options), new StoreContext("tested", _root.Path, TimeProvider.System, Quiet.Logger), cancellationToken);
        _opened.Add(driver);
        return driver;
    }

    private async ValueTask<IStorageDriver> OpenHostedAsync(Dictionary<string, object?> options, CancellationToken cancellationToken)
    {
        PluginFolders.CopyProduct("Swift", _root["plugins"]);
        var set = await StoreSet.OpenAsync(
            PluginCatalog.Scan([_root["plugins"]]),
            [new StoreDefinition { Id = "tested", Driver = DriverName, Options = options }],
            new StoreSetOptions { ScratchRoot = _root["scratch"] },
            Quiet.Loggers,
            TimeProvider.System,
            cancellationToken);
        _opened.Add(set);
        return set.Default.Driver;
    }
}
