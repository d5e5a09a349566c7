using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.FileSystem;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

public sealed class FileSystemConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new FileSystemFixture();
}

/// <summary>The same suite over two directories, of which the one named second is filled first.</summary>
public sealed class SeveralDirectoriesConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new FileSystemFixture(several: true);
}

public sealed class FileSystemFixture(bool several = false) : DriverFixture
{
    private readonly TempDirectory root = new();
    private IStorageDriver? killedDriver;

    public override string DriverName => "filesystem";

    public override bool CheapZeros => true;

    public override ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        var factory = new FileSystemDriverFactory();
        return factory.CreateAsync(
            OptionReader.Read(
                factory.Options,
                several
                    ? new Dictionary<string, object?> { ["directories"] = $"{root["old"]}:-1, {root["images"]}:7" }
                    : new Dictionary<string, object?> { ["directory"] = root["images"] }),
            new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger),
            cancellationToken);
    }

    public override ValueTask<IStorageDriver> ReopenAsync(IStorageDriver killed, CancellationToken cancellationToken)
    {
        killedDriver = killed;
        return OpenAsync(cancellationToken);
    }

    public override IEnumerable<string> ForeignLocations(string location)
    {
        var id = Guid.NewGuid();
        return
        [
            $"file:///etc/passwd", $"file://{root.Path}/{id}", $"file://{root["images"]}", $"file://{root["images"]}/", $"file://{root["images"]}//{id}",
            $"file://{root["images"]}/.", $"file://{root["images"]}/..", $"file://{root["images"]}/../images/{id}", $"file://{root["images"]}/sub/{id}",
            $"file://{root["images"]}x/{id}", $"file://{root["images"]}/.glance-{id}-{id:N}.part", $"FILE://{root["images"]}/{id}", $"file:{root["images"]}/{id}",
        ];
    }

    public override ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<long?>(((string[])[root["old"], root["images"]]).Where(Directory.Exists).Sum(directory => Directory.GetFileSystemEntries(directory).Length));

    public override async ValueTask DisposeAsync()
    {
        if (killedDriver is not null)
            await killedDriver.DisposeAsync();
        root.Dispose();
        await base.DisposeAsync();
    }
}
