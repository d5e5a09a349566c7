using GlanceGateway.Registry;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Registry.Tests;

/// <summary>A registry of a test's own, with a clock that stands until it is moved.</summary>
public abstract class RegistryHome : IAsyncDisposable
{
    private readonly List<ImageRegistry> _open = [];

    public StandingClock Clock { get; } = new();

    /// <summary>Opens the registry as a gateway would; it is closed with this.</summary>
    public async Task<ImageRegistry> OpenAsync(string instance = "gateway-1", TimeSpan? listTimeout = null) =>
        await OpenAsync(await PlaceAsync() with { InstanceId = instance, ListTimeout = listTimeout ?? TimeSpan.FromMinutes(1) }, Clock);

    public async ValueTask DisposeAsync()
    {
        foreach (var registry in _open)
            await registry.DisposeAsync();
        await RemoveAsync();
        GC.SuppressFinalize(this);
    }

    internal Task<ImageRegistry> OpenAsync(RegistryOptions options, TimeProvider time) =>
        TrackAsync(ImageRegistry.OpenAsync(options, time, NullLoggerFactory.Instance, TestContext.Current.CancellationToken));

    internal async Task<ImageRegistry> TrackAsync(Task<ImageRegistry> opening)
    {
        var registry = await opening;
        _open.Add(registry);
        return registry;
    }

    /// <summary>Where the registry is.</summary>
    protected abstract Task<RegistryOptions> PlaceAsync();

    /// <summary>Removes what was made.</summary>
    protected abstract Task RemoveAsync();
}

/// <summary>A clock that a test moves.</summary>
public sealed class StandingClock : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;

    public void Advance(TimeSpan by) => Now += by;
}
