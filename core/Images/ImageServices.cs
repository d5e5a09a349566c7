using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>Every service of this project over one registry and one set of stores. Disposes neither.</summary>
public sealed class ImageServices : IAsyncDisposable
{
    private readonly LocationVerifier verifier;

    /// <summary>Puts the services together.</summary>
    /// <param name="registry">Not disposed.</param>
    /// <param name="stores">Not disposed.</param>
    /// <param name="options">Limits and formats.</param>
    /// <param name="time">The clock of leases.</param>
    /// <param name="loggers">Where lines go.</param>
    /// <param name="policy">Who may do what; null for Glance's defaults.</param>
    /// <param name="limits">What projects may use; null for no limits.</param>
    /// <param name="caches">Between stores and readers; null for none. Not disposed.</param>
    public ImageServices(
        ImageRegistry registry, StoreSet stores, ImageOptions options, TimeProvider time, ILoggerFactory loggers, PolicyRules? policy = null,
        ILimitSource? limits = null, ImageCaches? caches = null)
    {
        Options = options;
        Schema = new ImageSchema(options);
        policy ??= new PolicyRules();
        var access = new ImageAccess(registry, policy);
        Quotas = new QuotaLedger(registry, limits ?? ConfiguredLimits.None);
        Sweeper = new IntentSweeper(registry, stores, options, time, loggers.CreateLogger<IntentSweeper>());
        Protections = new PropertyProtections(policy);
        var deletion = new ImageDeletion(registry, stores, options, time);
        verifier = new LocationVerifier(registry, stores, options, time, loggers.CreateLogger<LocationVerifier>());
        Sweeper.Verify = verifier.Start;
        var opener = new LocationOpener(registry, stores, options);
        Locations = new ImageLocations(registry, stores, policy, access, Quotas, opener, verifier, deletion, options);
        var locationEdits = new LocationEdits(registry, policy, Quotas, opener, verifier, deletion, options);
        Catalog = new ImageCatalog(registry, policy, access, Quotas, locationEdits, new ImageValues(Schema, options), deletion, Protections);
        Members = new ImageMembers(registry, policy, access, options);
        Uploads = new ImageUploads(registry, stores, access, Quotas, Sweeper, options, time, loggers.CreateLogger<ImageUploads>());
        Downloads = new ImageDownloads(access, policy, stores, caches ?? ImageCaches.None, loggers.CreateLogger<ImageDownloads>());
        Metadefs = new MetadefCatalog(registry, policy);
        Stores = new StoreListing(stores, policy);
        Changes = new ImageChanges(registry, Catalog);
        Cache = new ImageCache(caches?.Kept, policy, access, registry, Downloads, Changes, time, loggers.CreateLogger<ImageCache>());
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

    /// <summary>Where data lies.</summary>
    public ImageLocations Locations { get; }

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

    /// <summary>The cache of data, for its administrators.</summary>
    public ImageCache Cache { get; }

    /// <summary>Cleans up behind what ended early.</summary>
    public IntentSweeper Sweeper { get; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Cache.DisposeAsync();
        await Sweeper.DisposeAsync();
        await verifier.DisposeAsync();
    }
}
