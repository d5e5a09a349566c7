using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.Rbd;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

public sealed class RbdConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new RbdFixture(hosted: false);
}

/// <summary>The same suite over the driver as the product uses it: loaded from its folder, behind the guard.</summary>
public sealed class HostedRbdConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new RbdFixture(hosted: true);
}

public sealed class RbdFixture(bool hosted) : DriverFixture
{
    private readonly TempDirectory root = new();

    // A pool for each suite: its tests run one after the other, and leave no residue to the next.
    private readonly string pool = hosted ? "hosted" : "bare";
    private readonly List<IAsyncDisposable> opened = [];
    private CephServer? server;

    public override string DriverName => "rbd";

    public override bool CheapZeros => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        server = await SharedCeph.GetAsync();
        var options = new Dictionary<string, object?>
        {
            ["pool"] = pool,
            ["user"] = server.User,
            ["ceph_conf"] = server.Conf,
            ["keyring"] = server.Keyring,
        };
        return hosted ? await OpenHostedAsync(options, cancellationToken) : await OpenBareAsync(options, cancellationToken);
    }

    public override async ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken)
    {
        await server!.ShutOutWritersAsync(pool);
        return await OpenAsync(cancellationToken);
    }

    public override IEnumerable<string> ForeignLocations(string location)
    {
        var id = Guid.NewGuid();
        var at = $"rbd://{server!.Fsid}/{pool}";
        return
        [
            $"{at}", $"{at}/", $"{at}/{id}", $"{at}/{id}/", $"{at}//snap", $"{at}/{id}/snap/x", $"rbd://{server.Fsid}/volumes/{id}/snap", $"rbd://{Guid.NewGuid()}/{pool}/{id}/snap",
            $"rbd:///{pool}/{id}/snap", $"{at}/.glance-{id}-{id:N}/snap", $"{at}/%2Eglance-{id}-{id:N}/snap", $"rbd://.glance-{id}-{id:N}", $"RBD://{server.Fsid}/{pool}/{id}/snap",
            $"rbd:/{server.Fsid}/{pool}/{id}/snap", $"{at}/{id}/sn%0Aap", $"{at}/é/snap", $"{at}x/{id}/snap", $"file://{server.Fsid}/{pool}/{id}/snap",
        ];
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var one in opened)
            await one.DisposeAsync();
        root.Dispose();
        await base.DisposeAsync();
    }

    private async ValueTask<IStorageDriver> OpenBareAsync(Dictionary<string, object?> options, CancellationToken cancellationToken)
    {
        var factory = new RbdDriverFactory();
        var driver = await factory.CreateAsync(
            OptionReader.Read(factory.Options, options), new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger), cancellationToken);
        opened.Add(driver);
        return driver;
    }

    private async ValueTask<IStorageDriver> OpenHostedAsync(Dictionary<string, object?> options, CancellationToken cancellationToken)
    {
        PluginFolders.CopyProduct("Rbd", root["plugins"]);
        var set = await StoreSet.OpenAsync(
            PluginCatalog.Scan([root["plugins"]]),
            [new StoreDefinition { Id = "tested", Driver = DriverName, Options = options }],
            new StoreSetOptions { ScratchRoot = root["scratch"] },
            Quiet.Loggers,
            TimeProvider.System,
            cancellationToken);
        opened.Add(set);
        return set.Default.Driver;
    }
}
