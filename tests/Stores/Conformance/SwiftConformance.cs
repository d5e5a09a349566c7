using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.Swift;
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
    public override DriverFixture CreateFixture() => new SwiftFixture(hosted: false, "512KiB", rados: true);
}

public sealed class SwiftFixture(bool hosted, string segmentSize, bool rados = false) : DriverFixture
{
    private readonly TempDirectory _root = new();
    private readonly string _container = $"glance-{Guid.NewGuid():N}";
    private readonly List<IAsyncDisposable> _opened = [];
    private Uri? _authUrl;

    public override string DriverName => "swift";

    // An image of one segment is a single PUT, which knows nothing of what was settled before it.
    public override bool SettledAttemptsCannotCommit => false;

    // The first segment is held back, because the image may end within it.
    public override bool WritesLeaveResidue => segmentSize != "10MiB";

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        var options = rados ? await OptionsOfRadosAsync() : OptionsOf(await SharedSwiftServer.GetAsync());
        options["container"] = _container;
        options["create_container"] = true;
        options["segment_size"] = segmentSize;
        _authUrl = new Uri((string)options["auth_url"]!);
        return hosted ? await OpenHostedAsync(options, cancellationToken) : await OpenBareAsync(options, cancellationToken);
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => OpenAsync(cancellationToken);

    public override IEnumerable<string> ForeignLocations(string location)
    {
        var id = Guid.NewGuid();
        return
        [
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

    private static async Task<Dictionary<string, object?>> OptionsOfRadosAsync()
    {
        var server = await SharedRadosGateway.GetAsync();
        return new()
        {
            ["auth_url"] = server.Endpoint + "/auth/v1.0",
            ["auth_version"] = 1L,
            ["username"] = "glance:swift",
            ["password"] = server.SecretKey,
            ["storage_url"] = server.Endpoint + "/swift/v1",
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
