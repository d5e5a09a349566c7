using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Http;

/// <summary>Makes a store of the web. It asks nobody at the start: its servers are named by its locations.</summary>
public sealed class HttpDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => HttpSettings.Options;

    /// <inheritdoc/>
    public ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult<IStorageDriver>(new HttpDriver(HttpSettings.Read(options), context));
    }
}
