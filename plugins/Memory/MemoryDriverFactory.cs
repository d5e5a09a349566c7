using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Memory;

/// <summary>The entry point: the one public type that the host looks for in this assembly.</summary>
public sealed class MemoryDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    // The host has checked names and types before it calls CreateAsync; a driver only checks what its own values mean.
    public IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("max_size", OptionType.Size, "The most memory that the images of this store may occupy; holes are free. Unlimited when absent."),
    ];

    /// <inheritdoc/>
    public ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        long? capacity = options.TryGet<long>("max_size", out var size) ? size : null;

        // A store that cannot work says so here, with the option and the remedy: the host reports the text and serves its other stores.
        if (capacity <= 0)
            throw new StoreException(StoreError.Misconfigured, "max_size must be more than 0; leave it out for a store without a limit.");
        return ValueTask.FromResult<IStorageDriver>(new MemoryDriver(context.StoreId, capacity, Backend.Of(context)));
    }
}
