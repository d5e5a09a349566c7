using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>Opens a Sheepdog cluster as a store, and refuses one that does not answer or is not formatted.</summary>
public sealed class SheepdogDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => SheepdogSettings.Options;

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        var settings = SheepdogSettings.Read(options);
        var cluster = new Cluster(new SheepPool(settings, context.Time, (level, text) => context.Log(level, text)));
        try
        {
            await cluster.ProbeAsync(cancellationToken);
            return new SheepdogDriver(settings, cluster, context);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }
}
