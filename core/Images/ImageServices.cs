using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>Every service of this project over one registry and one set of stores. Disposes neither.</summary>
public sealed class ImageServices : IAsyncDisposable
{
    private readonly WebImport web;
    private readonly Conversion conversion;
    private readonly LocationVerifier verifier;
    private readonly LateDeletion late;
    private readonly StorePlaces places;
    private readonly MountReaders mountReaders;

    /// <summary>Puts the services together.</summary>
    /// <param name="registry">Not disposed.</param>
    /// <param name="stores">Not disposed.</param>
    /// <param name="options">Limits and formats.</param>
    /// <param name="time">The clock of leases.</param>
    /// <param name="loggers">Where lines go.</param>
    /// <param name="policy">Who may do what; null for Glance's defaults.</param>
    /// <param name="limits">What projects may use; null for no limits.</param>
    /// <param name="caches">Between stores and readers; null for none. Not disposed.</param>
    /// <param name="import">How images are imported; null for the defaults.</param>
    /// <param name="staging">A set of one store, where data waits to be imported; null for none, which leaves only copies between stores. Not disposed.</param>
    /// <param name="signatures">How signatures of images are verified; null to refuse the data of signed images.</param>
    public ImageServices(
        ImageRegistry registry,
        StoreSet stores,
        ImageOptions options,
        TimeProvider time,
        ILoggerFactory loggers,
        PolicyRules? policy = null,
        ILimitSource? limits = null,
        ImageCaches? caches = null,
        ImportOptions? import = null,
        StoreSet? staging = null,
        SignatureOptions? signatures = null)
    {
        Options = options;
        Schema = new ImageSchema(options);
        policy ??= new PolicyRules();
        import ??= new ImportOptions();
        var access = new ImageAccess(registry, policy);
        Quotas = new QuotaLedger(registry, limits ?? ConfiguredLimits.None);
        Protections = new PropertyProtections(policy);
        var stagingStore = new StagingStore(staging);
        places = new StorePlaces(registry, stores, staging, options.Node, loggers.CreateLogger<StorePlaces>());
        Sweeper = new IntentSweeper(registry, stores, stagingStore, places, options, time, loggers.CreateLogger<IntentSweeper>());
        var area = new StagingArea(registry, stagingStore, places, Sweeper, options, time, loggers.CreateLogger<ImageStaging>());
        var verification = new ImageSignatures(signatures ?? new SignatureOptions(), time);
        Uploads = new ImageUploads(registry, stores, access, Quotas, Sweeper, places, verification, options, time, loggers.CreateLogger<ImageUploads>());
        mountReaders = new MountReaders(options.MountIsKept ? time.GetUtcNow() : null);
        Downloads = new ImageDownloads(registry, access, policy, stores, places, caches ?? ImageCaches.None, mountReaders, loggers.CreateLogger<ImageDownloads>());
        Staging = new ImageStaging(registry, access, Quotas, area, Sweeper, options, time, loggers.CreateLogger<ImageStaging>());

        web = new WebImport(import.Outbound, options.StallTimeout, time, loggers.CreateLogger<ImageImports>());
        var importLog = loggers.CreateLogger<ImageImports>();
        var region = import.Regions is { } regions ? new RegionImport(regions, import.CopiedProperties, options, time, importLog) : null;
        var methods = MethodsOf(import, area.IsConfigured, web, region);
        var copies = new StoreCopy(registry, stores, places, new ContentJudge(options, importLog), verification, options, time);
        var byName = methods.ToDictionary(method => method.Name, StringComparer.Ordinal);
        conversion = new Conversion(import.Conversion, options, importLog);
        IImportStep[] known = [new Decompression(import.Decompression), conversion];
        var steps = new ImportSteps(registry, [.. known.Where(step => import.Plugins.Contains(step.Name))], Quotas, area, importLog);
        var work = new ImportWork(registry, byName, Quotas, area, steps, copies, Downloads, Sweeper, import, options, importLog);
        Runner = new TaskRunner(registry, Sweeper, [work], import.ParallelImports, options, time, loggers.CreateLogger<TaskRunner>());
        Imports = new ImageImports(registry, stores, access, Quotas, area, [.. methods.Select(method => method.Name)], byName, Runner, options, import.Inject);

        late = new LateDeletion(registry, mountReaders, options, time, loggers.CreateLogger<LateDeletion>());
        var deletion = new ImageDeletion(registry, stores, places, area, Runner, late, options, time);
        verifier = new LocationVerifier(registry, stores, options, time, loggers.CreateLogger<LocationVerifier>());
        Sweeper.Verify = verifier.Start;
        var opener = new LocationOpener(registry, stores, options);
        Locations = new ImageLocations(registry, stores, policy, access, Quotas, opener, verifier, deletion, options);
        var locationEdits = new LocationEdits(registry, policy, Quotas, opener, verifier, deletion, options);
        Catalog = new ImageCatalog(registry, policy, access, Quotas, locationEdits, new ImageValues(Schema, options), deletion, Protections);
        Members = new ImageMembers(registry, policy, access, options);
        Tasks = new ImageTasks(registry, policy, access, Catalog, Imports);
        Metadefs = new MetadefCatalog(registry, policy);
        Stores = new StoreListing(stores, policy);
        Changes = new ImageChanges(registry, Catalog);
        Feed = new ChangeFeed(registry, policy, time, loggers.CreateLogger<ChangeFeed>());
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

    /// <summary>Taking data that is to be imported later.</summary>
    public ImageStaging Staging { get; }

    /// <summary>Bringing data in by other ways than an upload.</summary>
    public ImageImports Imports { get; }

    /// <summary>The records of work that goes on after its request was answered.</summary>
    public ImageTasks Tasks { get; }

    /// <summary>Runs that work.</summary>
    public TaskRunner Runner { get; }

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

    /// <summary>What changed, for callers that ask from outside.</summary>
    public ChangeFeed Feed { get; }

    /// <summary>The cache of data, for its administrators.</summary>
    public ImageCache Cache { get; }

    /// <summary>Cleans up behind what ended early.</summary>
    public IntentSweeper Sweeper { get; }

    /// <summary>Compares its stores with those of other gateways, cleans up behind this gateway's earlier life and takes its work up again, and does all three from then on for gateways that die.</summary>
    /// <param name="cancellationToken">Ends the first round, not those that follow.</param>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await places.StartAsync(cancellationToken);
        await Sweeper.StartAsync(cancellationToken);
        await Runner.StartAsync(cancellationToken);
        Feed.Start();
    }

    /// <summary>The mount of this gateway is a new one: nobody reads through it but those who are seen here. Until this is said of a kept mount
    /// (<see cref="ImageOptions.MountIsKept"/>), every image that is older than this process may be open.</summary>
    public void BeginMount() => mountReaders.KnowAll();

    /// <summary>The mount is about to be left to its keeper: readers that end from now on may go on with the next process, so what waits for them goes on waiting.</summary>
    public Task LeaveMountAsync() => late.LeaveAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Feed.DisposeAsync();
        await Runner.DisposeAsync();
        web.Dispose();
        conversion.Dispose();
        await Cache.DisposeAsync();
        await late.DisposeAsync();
        await Sweeper.DisposeAsync();
        await verifier.DisposeAsync();
        await places.DisposeAsync();
    }

    /// <summary>The import methods that are enabled and can work, in the order of the configuration.</summary>
    private static List<IImportMethod> MethodsOf(ImportOptions options, bool canStage, WebImport web, RegionImport? region)
    {
        IImportMethod?[] known = canStage ? [new StagedImport(), web, region, new CopyImport()] : [new CopyImport()];
        return [.. options.Methods.Distinct(StringComparer.Ordinal).Select(name => Array.Find(known, method => method?.Name == name)).OfType<IImportMethod>()];
    }
}
