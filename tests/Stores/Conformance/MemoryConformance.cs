using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.Memory;

namespace GlanceGateway.Stores.Tests.Conformance;

public sealed class MemoryConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new MemoryFixture();
}

public sealed class MemoryFixture : DriverFixture
{
    private IStorageDriver? driver;

    public override string DriverName => "memory";

    public override bool CheapZeros => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        var factory = new MemoryDriverFactory();
        return driver = await factory.CreateAsync(
            CheckedOptions.Of(factory.Options, ("max_size", "1TiB")), new StoreContext("tested", "", TimeProvider.System, Quiet.Logger), cancellationToken);
    }

    // Its contents are the process's, so what a killed process leaves is what its successor would have found.
    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken) => ValueTask.FromResult(killed);

    public override async ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken)
    {
        var room = await ((IStoreCapacity)driver!).GetCapacityAsync(cancellationToken);
        return room.Total - room.Free;
    }

    public override IEnumerable<string> ForeignLocations(string location) =>
        [$"memory://other/{Guid.NewGuid():D}", $"memory://tested/{Guid.NewGuid():N}", $"memory://tested/a/{Guid.NewGuid():D}"];
}
