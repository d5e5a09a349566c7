using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Authors;

/// <summary>The example driver of the document, from a folder, as the host loads it.</summary>
internal sealed class AuthorFixture(string folder) : DriverFixture
{
    private readonly TempDirectory root = new();
    private readonly List<StoreSet> sets = [];

    public override string DriverName => "shelf";

    public override bool CheapZeros => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        var set = await StoreSet.OpenAsync(
            PluginCatalog.Of(folder),
            [StoreSets.Store("tested", DriverName, ("directory", root["images"]))],
            new StoreSetOptions { ScratchRoot = root[$"scratch-{sets.Count}"] },
            Quiet.Loggers,
            TimeProvider.System,
            cancellationToken);
        sets.Add(set);
        return set.Default.Driver;
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => OpenAsync(cancellationToken);

    public override IEnumerable<string> ForeignLocations(string location) => [location.Replace("tested", "other", StringComparison.Ordinal), $"shelf://tested/{Guid.NewGuid():N}"];

    public override ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(Directory.GetFiles(root["images"]).Length);

    public override async ValueTask DisposeAsync()
    {
        foreach (var set in sets)
            await set.DisposeAsync();
        root.Dispose();
        await base.DisposeAsync();
    }
}
