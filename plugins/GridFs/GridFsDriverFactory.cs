using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>Opens a GridFS bucket as a store, and refuses one that cannot be reached, logged in to or given its indexes.</summary>
public sealed class GridFsDriverFactory : IStorageDriverFactory
{
    /// <inheritdoc/>
    public IReadOnlyList<OptionDescriptor> Options => GridFsSettings.Options;

    /// <inheritdoc/>
    public async ValueTask<IStorageDriver> CreateAsync(DriverOptions options, IStoreContext context, CancellationToken cancellationToken)
    {
        var settings = GridFsSettings.Read(options);
        var bucket = new Bucket(settings);
        try
        {
            await bucket.RunAsync(
                "The bucket cannot be used",
                null,
                async () =>
                {
                    await bucket.PrepareAsync(cancellationToken);
                    return true;
                },
                cancellationToken);
            return new GridFsDriver(settings, bucket, context);
        }
        catch
        {
            bucket.Dispose();
            throw;
        }
    }
}
