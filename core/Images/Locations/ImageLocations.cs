using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>Where the data of images lies: what is shown of it, data that is there already added to an image, copies removed.</summary>
public sealed class ImageLocations
{
    private readonly ImageRegistry registry;
    private readonly StoreSet stores;
    private readonly PolicyRules policy;
    private readonly ImageAccess access;
    private readonly QuotaLedger quotas;
    private readonly LocationOpener opener;
    private readonly LocationVerifier verifier;
    private readonly ImageDeletion deletion;
    private readonly ImageOptions options;

    internal ImageLocations(
        ImageRegistry registry, StoreSet stores, PolicyRules policy, ImageAccess access, QuotaLedger quotas, LocationOpener opener, LocationVerifier verifier,
        ImageDeletion deletion, ImageOptions options)
    {
        this.registry = registry;
        this.stores = stores;
        this.policy = policy;
        this.access = access;
        this.quotas = quotas;
        this.opener = opener;
        this.verifier = verifier;
        this.deletion = deletion;
        this.options = options;
    }

    /// <summary>What an answer that shows an image tells of its locations. What the caller may not know is left out.</summary>
    public VisibleLocations Show(Caller caller, Image image)
    {
        if (options is { ShowDirectUrl: false, ShowMultipleLocations: false })
        {
            return VisibleLocations.None;
        }

        var mayKnow = policy.Allows(caller, PolicyAction.GetImageLocation, image, isMember: false)
            && (image.Status is not (ImageStatus.Deactivated or ImageStatus.Importing) || caller.IsAdmin);
        var all = mayKnow ? InReadingOrder(image) : [];
        return new(options.ShowDirectUrl && all.Count > 0 ? all[0].Url : null, options.ShowMultipleLocations ? all : null);
    }

    /// <summary>Every location of an image, for services that read stores themselves.</summary>
    public async Task<IReadOnlyList<ImageLocation>> ListAsync(Caller caller, string imageId, CancellationToken cancellationToken) =>
        InReadingOrder(await access.FindByDataAsync(caller, imageId, PolicyAction.FetchImageLocation, cancellationToken));

    /// <summary>Makes data that lies somewhere already the data of a queued image.</summary>
    /// <param name="caller">A service, or, for places on the web, the owner.</param>
    /// <param name="imageId">A queued image.</param>
    /// <param name="url">Where the data lies.</param>
    /// <param name="claim">What it is said to be; null for nothing.</param>
    /// <param name="cancellationToken">Ends the call until the location is recorded.</param>
    /// <remarks>With a claim the image becomes active once the data is proven to be it, else at once; hashes follow.</remarks>
    public async Task AddAsync(Caller caller, string imageId, string url, LocationClaim? claim, CancellationToken cancellationToken)
    {
        var image = await access.FindByDataAsync(caller, imageId, PolicyAction.AddImageLocation, cancellationToken);
        if (!LocationOpener.IsWeb(url) && !caller.Roles.Contains("service") && !caller.ServiceRoles.Contains("service"))
        {
            throw new ImageException(ImageError.Forbidden, "Only http and https locations may be added without the role 'service'.");
        }

        RequireQueued(image);
        await using var opened = await opener.OpenAsync(image, url, cancellationToken);
        var quota = await quotas.OpenAsync(image.Owner, cancellationToken);
        var work = await registry.WriteAsync((tx, ct) => RecordAsync(tx, imageId, opened, claim, quota, ct), cancellationToken);
        if (work is ({ } intent, { } lease))
        {
            verifier.Start(intent, lease);
        }
    }

    /// <summary>Removes the copies of an image in one store; it must have another.</summary>
    public async Task RemoveFromStoreAsync(Caller caller, string imageId, string storeId, CancellationToken cancellationToken)
    {
        if (!stores.TryGet(storeId, out _))
        {
            throw new ImageException(ImageError.Conflict, "The selected store is not available on this node.");
        }

        var found = await access.FindForAsync(caller, imageId, PolicyAction.DeleteImageLocation, cancellationToken);
        await deletion.DeleteCopiesAsync(
            found.Id,
            image =>
            {
                if (image.Status != ImageStatus.Active)
                {
                    throw new ImageException(ImageError.Conflict, "It's not allowed to remove image data from store if image status is not 'active'");
                }

                var copies = image.Locations.Where(location => location.Store == storeId).ToList();
                return copies.Count == 0 ? throw new ImageException(ImageError.NotFound, $"Image {imageId} is not stored in store {storeId}.")
                    : copies.Count == image.Locations.Count ? throw new ImageException(ImageError.Forbidden, $"Cannot delete image data from the only store containing it. Consider deleting the image instead.")
                    : copies;
            },
            cancellationToken);
    }

    internal IReadOnlyList<ImageLocation> InReadingOrder(Image image) =>
        [.. image.Locations.OrderByDescending(location => stores.TryGet(location.Store, out var store) ? store.Weight : int.MinValue)];

    internal static void RequireFormats(Image image)
    {
        if (image.DiskFormat is null || image.ContainerFormat is null)
        {
            throw new ImageException(ImageError.Invalid, "Properties disk_format, container_format must be set prior to saving data.");
        }
    }

    private static void RequireQueued(Image image)
    {
        if (image.Status != ImageStatus.Queued)
        {
            throw new ImageException(ImageError.Conflict, $"Only images with status queued can have a location added, this one is {WireNames.Of(image.Status)}.");
        }

        RequireFormats(image);
    }

    private async Task<(StoreIntent Intent, Lease Lease)?> RecordAsync(
        RegistryTransaction tx, string imageId, OpenedLocation opened, LocationClaim? claim, ProjectQuota quota, CancellationToken cancellationToken)
    {
        var image = await tx.FindImageAsync(imageId, cancellationToken) ?? throw ImageAccess.NoSuchImage(imageId);
        RequireQueued(image);
        await LocationOpener.RefuseTakenAsync(tx, opened.Url, cancellationToken);
        await tx.AddLocationAsync(imageId, new ImageLocation(0, opened.Store.Id, opened.Url, new Dictionary<string, string>()), cancellationToken);
        var verify = options.SecureHash;
        image = image with { VirtualSize = opened.VirtualSize, HashAlgorithm = claim?.Algorithm, HashValue = claim?.Value };

        // The size is set with the claim's proof: bytes of an image that is importing count as staged, and these are not.
        image = verify && claim is not null ? image with { Status = ImageStatus.Importing } : image with { Status = ImageStatus.Active, Size = opened.Size };
        _ = await tx.UpdateImageAsync(image, cancellationToken) ?? throw ImageAccess.NoSuchImage(imageId);
        if (!verify)
        {
            await quota.RequireAsync(tx, UsageKind.StoredBytes, 0, cancellationToken);
            return null;
        }

        var work = await verifier.PlanAsync(tx, imageId, opened.Store.Id, opened.Url, cancellationToken);
        if (claim is null)
        {
            await quota.RequireAsync(tx, UsageKind.StoredBytes, 0, cancellationToken);
        }
        else
        {
            // What is proven later counts from now on: reserved until the unit that makes the image active gives the lease back.
            await quota.ReserveAsync(tx, UsageKind.StoredBytes, opened.Size, work.Lease, cancellationToken);
        }

        return work;
    }
}
