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
    private BreakableDisk? disk;
    private string images = "";

    public override string DriverName => driver;

    public override bool CheapZeros => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        if (durable && disk is null && BreakableDisk.IsExpected)
            disk = await SharedBreakableDisks.GetAsync("hosted filesystem");
        if (images.Length == 0)
            images = Path.Combine(disk?.Path ?? root.Path, Guid.NewGuid().ToString("N"));
        PluginFolders.CopyProduct(project, root["plugins"]);
        var definition = new StoreDefinition
        {
            Id = "tested",
            Driver = driver,
            Options = durable ? new Dictionary<string, object?> { ["directory"] = images } : new Dictionary<string, object?> { ["max_size"] = "1TiB" },
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

    public override bool CanBreak => disk is not null;

    public override async ValueTask BreakAsync(CancellationToken cancellationToken) => await disk!.BreakAsync();

    public override async ValueTask MendAsync(CancellationToken cancellationToken) => await disk!.MendAsync();

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) =>
        durable ? OpenAsync(cancellationToken) : ValueTask.FromResult(killed);

    public override async ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken)
    {
        if (durable)
            return Directory.GetFileSystemEntries(images).Length;
        var room = await ((IStoreCapacity)sets[0].Default.Driver).GetCapacityAsync(cancellationToken);
        return room.Total - room.Free;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var set in sets)
            await set.DisposeAsync();
        if (disk is not null && Directory.Exists(images))
            Directory.Delete(images, recursive: true);
        root.Dispose();
        await base.DisposeAsync();
    }
}
