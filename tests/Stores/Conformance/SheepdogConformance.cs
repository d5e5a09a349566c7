using System.Globalization;
using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.Sheepdog;
using GlanceGateway.Stores.Tests.Sheepdog;
using GlanceGateway.Stores.Tests.Faults;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>Over the stand-in of the tests, or over the real cluster that <c>GLANCE_TEST_SHEEPDOG=host:port</c> names.</summary>
[Collection("Sheepdog")]
public sealed class SheepdogStandInConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SheepdogFixture(hosted: false);
}

/// <summary>The same suite over the driver as the product uses it: loaded from its folder, behind the guard.</summary>
[Collection("Sheepdog")]
public sealed class HostedSheepdogStandInConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SheepdogFixture(hosted: true);
}

public sealed class SheepdogFixture(bool hosted) : DriverFixture
{
    private readonly TempDirectory root = new();
    private readonly List<IAsyncDisposable> opened = [];
    private StandInSheep? standIn;
    private FaultProxy? line;
    private string host = "127.0.0.1";
    private long port;

    /// <summary>A real node to test against, as host:port. Its cluster is the tests' own: what attempts left there is removed.</summary>
    public static string? RealNode { get; } = Environment.GetEnvironmentVariable("GLANCE_TEST_SHEEPDOG") is { Length: > 0 } node ? node : null;

    public override string DriverName => "sheepdog";

    public override bool CheapZeros => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        if (RealNode is { } node)
        {
            (host, port) = (node[..node.LastIndexOf(':')], long.Parse(node.AsSpan(node.LastIndexOf(':') + 1), CultureInfo.InvariantCulture));
        }
        else
        {
            standIn ??= StandInSheep.Start();
            line ??= new FaultProxy(standIn.Port);
            port = line.Port;
        }

        var driver = await OpenDriverAsync(cancellationToken);
        if (RealNode is not null)
        {
            await foreach (var residue in driver.ListResidueAsync(cancellationToken))
                await driver.SettleAsync(residue.Attempt, keepCommitted: false, cancellationToken);
        }

        return driver;
    }

    public override bool CanBreak => line is not null;

    public override ValueTask BreakAsync(CancellationToken cancellationToken)
    {
        line!.Begin(NetworkFault.Refusal, afterBytes: 0);
        return ValueTask.CompletedTask;
    }

    public override ValueTask MendAsync(CancellationToken cancellationToken)
    {
        line!.End();
        return ValueTask.CompletedTask;
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => OpenDriverAsync(cancellationToken);

    public override IEnumerable<string> ForeignLocations(string location)
    {
        var id = Guid.NewGuid();
        return
        [
            $"sheepdog://{host}:{port}0:{id}", $"sheepdog://192.0.2.7:{port}:{id}", $"sheepdog://{host}:{port}/{id}", $"sheepdog://{host}:{port}:", $"sheepdog://{host}:{port}:.",
            $"sheepdog://{host}:{port}:..", $"sheepdog://{host}:{port}:-{id}", $"sheepdog://{host}:{port}:.glance-{id}-{id:N}", $"sheepdog://{host}:{port}:{id}:1", $"sheepdog://{host}:{port}: {id}",
            $"sheepdog://{host}:{port}:{id};reboot", $"sheepdog://{host}:{port}:$({id})", $"SHEEPDOG://{host}:{port}:{id}", $"sheepdog:{id}", $"sheepdog://user:secret@{host}:{port}:{id}",
            $"sheepdog://.glance-{id}-{id:N}", $"sheepdog://{host}:{port}:{new string('a', 256)}",
        ];
    }

    public override ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(standIn?.Cluster.DataObjects);

    public override async ValueTask DisposeAsync()
    {
        foreach (var one in opened)
            await one.DisposeAsync();
        if (line is not null)
            await line.DisposeAsync();
        root.Dispose();
        if (standIn is not null)
        {
            await standIn.DisposeAsync();
            Assert.Empty(standIn.Violations);
            Assert.Equal(0, standIn.Cluster.Orphans);
        }

        await base.DisposeAsync();
    }

    private async ValueTask<IStorageDriver> OpenDriverAsync(CancellationToken cancellationToken)
    {
        var options = new Dictionary<string, object?> { ["host"] = host, ["port"] = port };
        if (!hosted)
        {
            var factory = new SheepdogDriverFactory();
            var driver = await factory.CreateAsync(
                OptionReader.Read(factory.Options, options), new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger), cancellationToken);
            opened.Add(driver);
            return driver;
        }

        PluginFolders.CopyProduct("Sheepdog", root["plugins"]);
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
