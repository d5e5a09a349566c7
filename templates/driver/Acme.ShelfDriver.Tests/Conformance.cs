using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;

namespace Acme.ShelfDriver.Tests;

/// <summary>Every case of the suite is a test of this class.</summary>
public sealed class ShelfConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new ShelfFixture();
}

/// <summary>How the suite gets at the driver: one for each case, over an empty backend of its own.</summary>
public sealed class ShelfFixture : DriverFixture
{
    private readonly SuiteContext context = new();
    private readonly DirectoryInfo backend = Directory.CreateTempSubdirectory("shelf-");
    private IStorageDriver? killed;

    public override string DriverName => "shelf";

    // A run of zeros is a hole, so the suite may store five GiB of them.
    public override bool CheapZeros => true;

    public override ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        var factory = new ShelfFactory();
        return factory.CreateAsync(CheckedOptions.Of(factory.Options, ("directory", backend.FullName)), context, cancellationToken);
    }

    // The suite kills no process: it leaves the driver as it is, opens another one over the same backend, and goes on with that.
    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken)
    {
        this.killed = killed;
        return OpenAsync(cancellationToken);
    }

    // Each must be refused as InvalidLocation: a name of another store, another's form, a way out of the backend.
    public override IEnumerable<string> ForeignLocations(string location) =>
        [location.Replace("tested", "other", StringComparison.Ordinal), location.Replace("-", "", StringComparison.Ordinal), $"shelf://tested/{Guid.NewGuid()}.data"];

    // Past the driver: what was deleted or settled must be gone from here too.
    public override ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(backend.GetFiles().Length);

    public override async ValueTask DisposeAsync()
    {
        if (killed is not null)
            await killed.DisposeAsync();
        context.Dispose();
        backend.Delete(recursive: true);
        await base.DisposeAsync();
    }
}
