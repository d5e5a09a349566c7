using GlanceGateway.Abstractions;

namespace GlanceGateway.TestPlugins.TwoFactories;

/// <summary>One of two, of which the host cannot choose.</summary>
public sealed class FactoryOne : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => [];

    /// <inheritdoc/>
    public ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("Nobody should get here.");
}
