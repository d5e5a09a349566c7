using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>The same suite over the driver as the product uses it: loaded from its folder, behind the guard.</summary>
public sealed class HostedFileSystemConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new HostedFixture("FileSystem", "filesystem", durable: true);
}

public sealed class HostedMemoryConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new HostedFixture("Memory", "memory", durable: false);
}

public sealed class HostedFixture(string project, string driver, bool durable) : DriverFixture
{
    private readonly TempDirectory root = new();
    private readonly List<StoreSet> sets = [];

    public override string DriverName => driver;

    public override bool CheapZeros => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        PluginFolders.CopyProduct(project, root["plugins"]);
        var definition = new StoreDefinition
        {
            Id = "tested",
            Driver = driver,
            Options = durable ? new Dictionary<string, object?> { ["directory"] = root["images"] } : new Dictionary<string, object?> { ["max_size"] = "1TiB" },
        };
        var set = await StoreSet.OpenAsync(
            PluginCatalog.Scan([root["plugins"]]),
            [definition],
            new StoreSetOptions { ScratchRoot = root["scratch"] },
            Quiet.Loggers,
            TimeProvider.System,
            cancellationToken);
        sets.Add(set);
        return set.Default.Driver;
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) =>
        durable ? OpenAsync(cancellationToken) : ValueTask.FromResult(killed);

    public override async ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken)
    {
        if (durable)
            return Directory.GetFileSystemEntries(root["images"]).Length;
        var room = await ((IStoreCapacity)sets[0].Default.Driver).GetCapacityAsync(cancellationToken);
        return room.Total - room.Free;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var set in sets)
            await set.DisposeAsync();
        root.Dispose();
        await base.DisposeAsync();
    }
}
