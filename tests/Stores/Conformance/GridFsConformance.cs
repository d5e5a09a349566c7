using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.GridFs;
using GlanceGateway.Stores.Tests.Faults;
using GlanceGateway.Testing;
using MongoDB.Bson;
using MongoDB.Driver;

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>Over the stand-in for MongoDB, unless the machine has a mongod or <c>GLANCE_TEST_MONGODB</c> names one.</summary>
public sealed class GridFsStandInConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new GridFsFixture(hosted: false);
}

/// <summary>The same suite over the driver as the product uses it: loaded from its folder with its own dependencies, behind the guard.</summary>
public sealed class HostedGridFsStandInConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new GridFsFixture(hosted: true);
}

public sealed class GridFsFixture(bool hosted) : DriverFixture
{
    private readonly TempDirectory root = new();
    private readonly string database = $"glance-{Guid.NewGuid():N}";
    private readonly List<IAsyncDisposable> opened = [];
    private MongoServer? server;
    private FaultProxy? line;
    private MongoClient? client;

    public override string DriverName => "gridfs";

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        server = await SharedMongoServer.GetAsync();
        client ??= new MongoClient(server.ClientSettings);
        var options = server.Options(database);
        if (server.IsOnLoopback)
        {
            line ??= new FaultProxy(server.Port);
            options["uri"] = $"mongodb://127.0.0.1:{line.Port}/?directConnection=true";

            // The library looks for a server for so long before it says that there is none.
            options["connect_timeout"] = "1s";
        }

        if (!hosted)
        {
            var factory = new GridFsDriverFactory();
            var driver = await factory.CreateAsync(
                OptionReader.Read(factory.Options, options), new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger), cancellationToken);
            opened.Add(driver);
            return driver;
        }

        PluginFolders.CopyProduct("GridFs", root["plugins"]);
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

    public override bool CanBreak => server is { IsOnLoopback: true };

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

    // Documents of all collections: files, chunks and what else the driver keeps.
    public override async ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken)
    {
        var store = client!.GetDatabase(database);
        var count = 0L;
        foreach (var collection in await (await store.ListCollectionNamesAsync(cancellationToken: cancellationToken)).ToListAsync(cancellationToken))
            count += await store.GetCollection<BsonDocument>(collection).CountDocumentsAsync(new BsonDocument(), cancellationToken: cancellationToken);
        return count;
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => OpenAsync(cancellationToken);

    public override IEnumerable<string> ForeignLocations(string location)
    {
        var id = Guid.NewGuid();
        return
        [
            $"gridfs://user:secret@host/{id}", $"gridfs://{id}/x", $"gridfs:///{id}", $"gridfs://.{id}", $"gridfs://{id}?x", $"gridfs://{id}$", $"GRIDFS://{id}", $"gridfs:{id}",
            $"mongodb://{id}", $"gridfs://{id} ", $"gridfs://{new string('a', 256)}",
        ];
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var one in opened)
            await one.DisposeAsync();
        if (line is not null)
            await line.DisposeAsync();
        if (client is not null)
        {
            await client.DropDatabaseAsync(database);
            client.Dispose();
        }

        root.Dispose();
        await base.DisposeAsync();
    }
}
