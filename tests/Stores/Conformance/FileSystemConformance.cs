using GlanceGateway.Abstractions;
using GlanceGateway.Conformance;
using GlanceGateway.Plugins.FileSystem;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Conformance;

public sealed class FileSystemConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new FileSystemFixture();
}

/// <summary>The same suite over two directories, of which the one named second is filled first, on a disk of its own that can break.</summary>
public sealed class SeveralDirectoriesConformance : DriverConformance
{
    public override DriverFixture CreateFixture() => new FileSystemFixture(several: true);
}

public sealed class FileSystemFixture(bool several = false) : DriverFixture
{
    private readonly TempDirectory root = new();
    private BreakableDisk? disk;
    private string images = "";
    private IStorageDriver? killedDriver;

    public override string DriverName => "filesystem";

    public override bool CheapZeros => true;

    public override async ValueTask<IStorageDriver> OpenAsync(CancellationToken cancellationToken)
    {
        if (disk is null && BreakableDisk.IsExpected)
            disk = await SharedBreakableDisks.GetAsync($"filesystem, several: {several}");
        if (images.Length == 0)
            images = Path.Combine(disk?.Path ?? root.Path, Guid.NewGuid().ToString("N"));
        var factory = new FileSystemDriverFactory();
        return await factory.CreateAsync(
            OptionReader.Read(
                factory.Options,
                several
                    ? new Dictionary<string, object?> { ["directories"] = $"{root["old"]}:-1, {images}:7" }
                    : new Dictionary<string, object?> { ["directory"] = images }),
            new StoreContext("tested", root.Path, TimeProvider.System, Quiet.Logger),
            cancellationToken);
    }

    public override bool CanBreak => disk is not null;

    public override async ValueTask BreakAsync(CancellationToken cancellationToken) => await disk!.BreakAsync();

    public override async ValueTask MendAsync(CancellationToken cancellationToken) => await disk!.MendAsync();

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
            $"file:///etc/passwd", $"file://{Path.GetDirectoryName(images)}/{id}", $"file://{images}", $"file://{images}/", $"file://{images}//{id}",
            $"file://{images}/.", $"file://{images}/..", $"file://{images}/../{Path.GetFileName(images)}/{id}", $"file://{images}/sub/{id}",
            $"file://{images}x/{id}", $"file://{images}/.glance-{id}-{id:N}.part", $"FILE://{images}/{id}", $"file:{images}/{id}",
        ];
    }

    public override ValueTask<long?> CountStoredAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult<long?>(new[] { root["old"], images }.Where(Directory.Exists).Sum(directory => Directory.GetFileSystemEntries(directory).Length));

    public override async ValueTask DisposeAsync()
    {
        if (killedDriver is not null)
            await killedDriver.DisposeAsync();
        if (disk is not null && Directory.Exists(images))
            Directory.Delete(images, recursive: true);
        root.Dispose();
        await base.DisposeAsync();
    }
}
