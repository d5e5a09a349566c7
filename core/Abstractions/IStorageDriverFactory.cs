namespace GlanceGateway.Abstractions;

/// <summary>The entry point of a plugin: exactly one public type of the plugin's assembly implements it and has a parameterless constructor.</summary>
public interface IStorageDriverFactory
{
    /// <summary>Every option that a store of this driver may carry. The host refuses unknown keys and checks types before <see cref="CreateAsync"/>.</summary>
    IReadOnlyList<OptionDescriptor> Options { get; }

    /// <summary>Makes the driver of one configured store.</summary>
    /// <param name="options">Checked values: every required option is present, every value has its described type.</param>
    /// <param name="context">What the host lends to the driver; valid until the driver is disposed.</param>
    /// <param name="cancellationToken">Cancels the start of this store.</param>
    /// <exception cref="StoreException">With <see cref="StoreError.Misconfigured"/> when the store cannot work with these options; the text
    /// names the option and the remedy. The host reports it and serves its other stores.</exception>
    ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken);
}
