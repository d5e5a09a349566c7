using System.Net;
using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.Http;
using GlanceGateway.Stores.Tests.Faults;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

public sealed class HttpConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new HttpFixture(hosted: false, "");
}

/// <summary>The same suite on a server without ranges.</summary>
public sealed class RangelessHttpConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new HttpFixture(hosted: false, "norange/");
}

/// <summary>The same suite over the driver as the product uses it, with a redirect before everything.</summary>
public sealed class HostedHttpConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new HttpFixture(hosted: true, "redirect/");
}

public sealed class HttpFixture(bool hosted, string prefix) : DriverFixture
{
    /// <summary>What the driver may reach in the tests.</summary>
    public static readonly OutboundRules Loopback = new() { AllowedNetworks = [IPNetwork.Parse("127.0.0.1/32")], Urls = new UrlRules { AllowedPorts = [] } };

    private readonly TempDirectory _root = new();
    private readonly List<IAsyncDisposable> _opened = [];
    private WebServer? _server;
    private FaultProxy? _line;

    public override string DriverName => "http";

    public override bool ReadOnly => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        _server = await SharedWebServer.GetAsync();
        _line ??= new FaultProxy(new Uri(_server.Url).Port);
        return hosted ? await OpenHostedAsync(cancellationToken) : await OpenBareAsync(cancellationToken);
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

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => OpenAsync(cancellationToken);

    public override async ValueTask<string> PlaceAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var name = Guid.NewGuid().ToString();
        await File.WriteAllBytesAsync(_server!.PathOf(name), bytes, cancellationToken);
        return $"http://127.0.0.1:{_line!.Port}/{prefix}{name}";
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

    private async ValueTask<IStorageDriver> OpenBareAsync(CancellationToken cancellationToken)
    {
        var factory = new HttpDriverFactory();
        var context = new StoreContext("tested", _root.Path, TimeProvider.System, Quiet.Logger, new GuardedConnector(Loopback, TimeProvider.System));
        var driver = await factory.CreateAsync(OptionReader.Read(factory.Options, new Dictionary<string, object?>()), context, cancellationToken);
        _opened.Add(driver);
        return driver;
    }

    private async ValueTask<IStorageDriver> OpenHostedAsync(CancellationToken cancellationToken)
    {
        PluginFolders.CopyProduct("Http", _root["plugins"]);
        var set = await StoreSet.OpenAsync(
            PluginCatalog.Scan([_root["plugins"]]),
            [new StoreDefinition { Id = "tested", Driver = DriverName }],
            new StoreSetOptions { ScratchRoot = _root["scratch"], Outbound = Loopback },
            Quiet.Loggers,
            TimeProvider.System,
            cancellationToken);
        _opened.Add(set);
        return set.Default.Driver;
    }
}
