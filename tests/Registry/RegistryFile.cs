using GlanceGateway.Registry;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Registry.Tests;

/// <summary>A registry in a directory of its own, with a clock that stands until it is moved.</summary>
public sealed class RegistryFile : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("registry-");
    private readonly List<ImageRegistry> _open = [];

    public StandingClock Clock { get; } = new();

    public string Path => System.IO.Path.Combine(_directory.FullName, "registry.db");

    public Task<ImageRegistry> OpenAsync(string instance = "gateway-1", string? path = null) => TrackAsync(ImageRegistry.OpenAsync(
        new RegistryOptions { DatabasePath = path ?? Path, InstanceId = instance }, Clock, NullLoggerFactory.Instance, TestContext.Current.CancellationToken));

    internal async Task<ImageRegistry> TrackAsync(Task<ImageRegistry> opening)
    {
        var registry = await opening;
        _open.Add(registry);
        return registry;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var registry in _open)
            await registry.DisposeAsync();
        _directory.Delete(recursive: true);
    }
}

/// <summary>A clock that a test moves.</summary>
public sealed class StandingClock : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;

    public void Advance(TimeSpan by) => Now += by;
}
