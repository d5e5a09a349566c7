using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.Sftp;
using GlanceGateway.Stores.Tests.Faults;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

public sealed class SftpConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SftpFixture(hosted: false);
}

/// <summary>The same suite over the driver as the product uses it: loaded from its folder with its own dependencies, behind the guard.</summary>
public sealed class HostedSftpConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new SftpFixture(hosted: true);
}

public sealed class SftpFixture(bool hosted) : DriverFixture
{
    private readonly TempDirectory root = new();
    private readonly string folder = Guid.NewGuid().ToString("N");
    private readonly List<IAsyncDisposable> opened = [];
    private SftpServer? server;
    private FaultProxy? line;

    public override string DriverName => "sftp";

    public override bool CheapZeros => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        server = await SharedSftpServer.GetAsync();
        line ??= new FaultProxy(server.Port);
        var options = new Dictionary<string, object?>
        {
            ["host"] = "127.0.0.1",
            ["port"] = (long)line.Port,
            ["user"] = server.User,
            ["password"] = server.Password,
            ["host_key_fingerprint"] = server.Fingerprint,
            ["directory"] = $"{server.Directory}/{folder}",
        };
        return hosted ? await OpenHostedAsync(options, cancellationToken) : await OpenBareAsync(options, cancellationToken);
    }

    public override bool CanBreak => true;

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

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => OpenAsync(cancellationToken);

    public override IEnumerable<string> ForeignLocations(string location)
    {
        var id = Guid.NewGuid();
        var (port, home) = (line!.Port, $"{server!.Directory}/{folder}");
        var at = $"sftp://127.0.0.1:{port}";
        return
        [
            $"sftp://127.0.0.1{home}/{id}", $"sftp://127.0.0.1:{port + 1}{home}/{id}", $"sftp://localhost:{port}{home}/{id}", $"sftp://{server.User}@127.0.0.1:{port}{home}/{id}",
            $"sftp://{server.User}:secret@127.0.0.1:{port}{home}/{id}", $"{at}/etc/passwd", $"{at}{server.Directory}/{id}", $"{at}{home}", $"{at}{home}/", $"{at}{home}//{id}",
            $"{at}{home}/.", $"{at}{home}/..", $"{at}{home}/../{folder}/{id}", $"{at}{home}/sub/{id}", $"{at}{home}x/{id}", $"{at}{home}/.glance-{id}-{id:N}.part",
            $"SFTP://127.0.0.1:{port}{home}/{id}", $"sftp:{home}/{id}", $"file://{home}/{id}", $"{at}/{home}/{id}",
        ];
    }

    public override ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<long?>(Directory.GetFileSystemEntries(Path.Combine(server!.LocalDirectory, folder)).Length);

    public override async ValueTask DisposeAsync()
    {
        foreach (var one in opened)
            await one.DisposeAsync();
        if (line is not null)
            await line.DisposeAsync();
        if (server is not null && Directory.Exists(Path.Combine(server.LocalDirectory, folder)))
            Directory.Delete(Path.Combine(server.LocalDirectory, folder), recursive: true);
        root.Dispose();
        await base.DisposeAsync();
    }

    private async ValueTask<IStorageDriver> OpenBareAsync(Dictionary<string, object?> options, CancellationToken cancellationToken)
    {
        var factory = new SftpDriverFactory();
        var driver = await factory.CreateAsync(
            OptionReader.Read(factory.Options, options), new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger), cancellationToken);
        opened.Add(driver);
        return driver;
    }

    private async ValueTask<IStorageDriver> OpenHostedAsync(Dictionary<string, object?> options, CancellationToken cancellationToken)
    {
        PluginFolders.CopyProduct("Sftp", root["plugins"]);
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
