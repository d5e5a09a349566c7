using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>Every service of this project over one registry and one set of stores. Disposes neither.</summary>
public sealed class ImageServices : IAsyncDisposable
{
    /// <summary>Puts the services together.</summary>
    /// <param name="registry">Not disposed.</param>
    /// <param name="stores">Not disposed.</param>
    /// <param name="options">Limits and formats.</param>
    /// <param name="time">The clock of leases.</param>
    /// <param name="loggers">Where lines go.</param>
    /// <param name="policy">Who may do what; null for Glance's defaults.</param>
    /// <param name="limits">What projects may use; null for no limits.</param>
    public ImageServices(
        ImageRegistry registry, StoreSet stores, ImageOptions options, TimeProvider time, ILoggerFactory loggers, PolicyRules? policy = null,
        ILimitSource? limits = null)
    {
        Options = options;
        Schema = new ImageSchema(options);
        policy ??= new PolicyRules();
        var access = new ImageAccess(registry, policy);
        Quotas = new QuotaLedger(registry, limits ?? ConfiguredLimits.None);
        Sweeper = new IntentSweeper(registry, stores, options, time, loggers.CreateLogger<IntentSweeper>());
        Protections = new PropertyProtections(policy);
        Catalog = new ImageCatalog(
            registry, policy, access, Quotas, new ImageValues(Schema, options), new ImageDeletion(registry, stores, options, time), Protections);
        Members = new ImageMembers(registry, policy, access, options);
        Uploads = new ImageUploads(registry, stores, access, Quotas, Sweeper, options, time, loggers.CreateLogger<ImageUploads>());
        Downloads = new ImageDownloads(access, policy, stores, loggers.CreateLogger<ImageDownloads>());
        Metadefs = new MetadefCatalog(registry, policy);
        Stores = new StoreListing(stores);
        Changes = new ImageChanges(registry, Catalog);
    }

    /// <summary>Limits and formats.</summary>
    public ImageOptions Options { get; }

    /// <summary>The attributes of images.</summary>
    public ImageSchema Schema { get; }

    /// <summary>Images as records.</summary>
    public ImageCatalog Catalog { get; }

    /// <summary>With whom images are shared.</summary>
    public ImageMembers Members { get; }

    /// <summary>Writing data.</summary>
    public ImageUploads Uploads { get; }

    /// <summary>Reading data.</summary>
    public ImageDownloads Downloads { get; }

    /// <summary>What projects use and may use.</summary>
    public QuotaLedger Quotas { get; }

    /// <summary>Who may see and change which custom properties; nothing is protected to begin with.</summary>
    public PropertyProtections Protections { get; }

    /// <summary>Metadata definitions.</summary>
    public MetadefCatalog Metadefs { get; }

    /// <summary>Which stores there are.</summary>
    public StoreListing Stores { get; }

    /// <summary>What changed.</summary>
    public ImageChanges Changes { get; }

    /// <summary>Cleans up behind what ended early.</summary>
    public IntentSweeper Sweeper { get; }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Sweeper.DisposeAsync();
}
