using GlanceGateway.Abstractions;

namespace GlanceGateway.TestPlugins.ThrowingFactory;

/// <summary>Cannot even be made.</summary>
public sealed class Factory : IStorageDriverFactory
{
    /// <summary>Fails.</summary>
    public Factory() => throw new InvalidOperationException("libmissing.so.7 was not found");

    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => [];

    /// <inheritdoc/>
    public ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("Nobody should get here.");
}
