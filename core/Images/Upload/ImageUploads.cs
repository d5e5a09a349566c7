using System.IO.Pipelines;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>What comes with an upload.</summary>
/// <param name="Body">The bytes. Read to its end or given up; the caller completes it.</param>
/// <param name="DeclaredSize">Bytes announced (the length of the body, or the size the client named); null when unknown.</param>
/// <param name="StoreId">The store to write to; null for the default.</param>
public sealed record UploadRequest(PipeReader Body, long? DeclaredSize, string? StoreId);

/// <summary>
/// Writes the data of queued images.
/// </summary>
/// <remarks>
/// Three units of work frame a transfer: <b>begin</b> (queued to saving by compare-and-set, lease taken, write intent recorded), the
/// driver's commit, and <b>register</b> (location, size, hashes, active, intent marked). The client is answered after the third. Dying
/// between any two leaves an intent whose lease runs out, and <see cref="IntentSweeper"/> undoes the attempt; after the third nothing is
/// left to undo, only traces to remove.
/// </remarks>
public sealed class ImageUploads
{
    private readonly ImageRegistry registry;
    private readonly StoreSet stores;
    private readonly ImageAccess access;
    private readonly QuotaLedger quotas;
    private readonly IntentSweeper sweeper;
    private readonly StorePlaces places;
    private readonly ImageSignatures signatures;
    private readonly ImageOptions options;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly UploadPipeline pipeline;
    private readonly ContentJudge judge;

    internal ImageUploads(
        ImageRegistry registry, StoreSet stores, ImageAccess access, QuotaLedger quotas, IntentSweeper sweeper, StorePlaces places, ImageSignatures signatures, ImageOptions options, TimeProvider time, ILogger<ImageUploads> log)
    {
        this.registry = registry;
        this.stores = stores;
        this.access = access;
        this.quotas = quotas;
        this.sweeper = sweeper;
        this.places = places;
        this.signatures = signatures;
        this.options = options;
        this.time = time;
        this.log = log;
        pipeline = new UploadPipeline(options, time);
        judge = new ContentJudge(options, log);
    }

    /// <summary>Streams data into a store and makes the image active. Whatever ends it early leaves the image queued and no bytes.</summary>
    /// <param name="caller">Who uploads.</param>
    /// <param name="imageId">A queued image.</param>
    /// <param name="request">The data. Nothing of it is read before every check that needs none of it has passed.</param>
    /// <param name="cancellationToken">The client went away, or the gateway stops.</param>
    /// <exception cref="ImageException">Refused; the message says why.</exception>
    public async Task UploadAsync(Caller caller, string imageId, UploadRequest request, CancellationToken cancellationToken)
    {
        var (storeId, driver) = FindStore(request.StoreId);
        var image = await access.FindForAsync(caller, imageId, PolicyAction.UploadImage, cancellationToken);
        if (request.DeclaredSize > options.SizeCap)
        {
            throw new ImageException(ImageError.TooLarge, $"Image exceeds the maximum allowed size of {options.SizeCap} bytes.");
        }

        var begun = time.GetTimestamp();
        var quota = await quotas.OpenAsync(image.Owner, cancellationToken);
        var (saving, intent, lease, reserved) = await registry.WriteAsync(
            (tx, ct) => BeginAsync(tx, image.Id, storeId, quota, request.DeclaredSize, ct), cancellationToken);
        using var hold = quota.Hold(UsageKind.StoredBytes, reserved, request.DeclaredSize, lease);
        StoredObject stored;
        await using (var held = new HeldLease(registry, lease, options.LeaseDuration, (tx, ct) => IsStillSavingAsync(tx, image.Id, ct), time))
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(held.Lost, cancellationToken);
            try
            {
                using var signature = await signatures.OpenAsync(saving, caller, ending.Token);
                var write = new WriteRequest(new WriteAttempt(image.Id, intent.AttemptId), request.DeclaredSize, image.Owner);
                stored = await TransferAsync(driver, write, request, hold, saving, signature, lease, intent, ending.Token);
            }
            catch (Exception failure)
            {
                ImageLog.UploadEnded(log, image.Id, storeId, failure.Message);
                await sweeper.TryAbandonAsync(intent, lease);
                throw Refusal(failure, image.Id, held, cancellationToken);
            }
        }

        sweeper.Schedule(intent with { Registered = true });
        ImageLog.Uploaded(log, image.Id, stored.Size, storeId, time.GetElapsedTime(begun).TotalMilliseconds);
    }

    private static async Task<bool> IsStillSavingAsync(RegistryTransaction tx, string imageId, CancellationToken cancellationToken) =>
        await tx.FindImageAsync(imageId, cancellationToken) is { Status: ImageStatus.Saving };

    private static ImageException Vanished(string imageId) =>
        new(ImageError.Gone, $"Image {imageId} could not be found after upload. The image may have been deleted during the upload; its data was removed.");

    private static Exception Refusal(Exception failure, string imageId, HeldLease held, CancellationToken cancellationToken) => failure switch
    {
        StoreException fault => StoreRefusals.Of(fault),
        LeaseLostException => Vanished(imageId),
        OperationCanceledException when held.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested => Vanished(imageId),
        _ => failure,
    };

    private (string StoreId, IStorageDriver Driver) FindStore(string? storeId)
    {
        var store = stores.Default;
        if (storeId is not null && !stores.TryGet(storeId, out store))
        {
            throw new ImageException(ImageError.Invalid, $"Store for identifier {storeId} not found");
        }

        return stores.TryGetDriver(store.Id, out var driver) && !store.IsReadOnly
            ? (store.Id, driver)
            : throw new ImageException(ImageError.Gone, $"Error in store configuration. Adding images to store '{store.Id}' is disabled.");
    }

    private async Task<(Image Image, StoreIntent Intent, Lease Lease, long Reserved)> BeginAsync(
        RegistryTransaction tx, string imageId, string storeId, ProjectQuota quota, long? size, CancellationToken cancellationToken)
    {
        var image = await tx.FindImageAsync(imageId, cancellationToken) ?? throw ImageAccess.NoSuchImage(imageId);
        if (image.Status != ImageStatus.Queued)
        {
            throw new ImageException(
                ImageError.Conflict, $"Image status transition from {WireNames.Of(image.Status)} to saving is not allowed");
        }

        string?[] missing = [image.DiskFormat is null ? "disk_format" : null, image.ContainerFormat is null ? "container_format" : null];
        if (missing.Any(m => m is not null))
        {
            throw new ImageException(
                ImageError.Invalid, $"Properties {string.Join(", ", missing.Where(m => m is not null))} must be set prior to saving data.");
        }

        var lease = await tx.TakeLeaseAsync(LeaseNames.OfImage(imageId), options.LeaseDuration, ownToo: false, cancellationToken)
            ?? throw new ImageException(ImageError.Conflict, $"Another operation works on the data of image {imageId}.");
        await quota.RequireAsync(tx, UsageKind.Transfers, 1, cancellationToken);
        var reserved = await quota.ReserveAsync(tx, UsageKind.StoredBytes, size, lease, cancellationToken);
        var intent = new StoreIntent(
            Guid.NewGuid().ToString("N"), IntentKind.Write, imageId, storeId, Url: null, lease.Name, Registered: false, tx.Now, places.Of(storeId));
        await tx.InsertIntentAsync(intent, cancellationToken);
        await tx.UpdateImageAsync(image with { Status = ImageStatus.Saving }, cancellationToken);
        return (image, intent, lease, reserved);
    }

    private async Task<StoredObject> TransferAsync(
        IStorageDriver driver,
        WriteRequest write,
        UploadRequest request,
        QuotaHold hold,
        Image image,
        SignatureCheck? signature,
        Lease lease,
        StoreIntent intent,
        CancellationToken cancellationToken)
    {
        var opened = await driver.BeginWriteAsync(write, cancellationToken);
        await using var writer = opened.IsOk ? opened.Value : throw StoreRefusals.Of(opened.Outcome);
        var data = await pipeline.RunAsync(request.Body, request.DeclaredSize, writer, hold.EnsureAsync, signature, cancellationToken);
        var virtualSize = judge.Judge(image, data);
        var committed = await writer.CommitAsync(cancellationToken);
        var stored = committed.IsOk ? committed.Value : throw StoreRefusals.Of(committed.Outcome);
        if (stored.Size != data.Size)
        {
            throw new StoreException(StoreError.Corrupt, $"The store committed {stored.Size} bytes of {data.Size}.", stored.Location);
        }

        // Not cancellable: from here on only the registry decides whether the upload happened.
        await registry.WriteAsync((tx, ct) => RegisterAsync(tx, write.Attempt, data, virtualSize, stored, lease, intent, ct), CancellationToken.None);
        return stored;
    }

    private static async Task<bool> RegisterAsync(
        RegistryTransaction tx, WriteAttempt attempt, UploadedData data, long? virtualSize, StoredObject stored, Lease lease, StoreIntent intent, CancellationToken cancellationToken)
    {
        await tx.RequireLeaseAsync(lease, cancellationToken);
        if (await tx.FindImageAsync(attempt.ImageId, cancellationToken) is not { Status: ImageStatus.Saving } image)
        {
            throw Vanished(attempt.ImageId);
        }

        await tx.AddLocationAsync(
            image.Id, new ImageLocation(0, intent.Store, stored.Location, stored.Metadata, intent.Place), cancellationToken);
        var active = image with
        {
            Status = ImageStatus.Active,
            Size = data.Size,
            VirtualSize = virtualSize,
            Checksum = data.Md5,
            HashAlgorithm = "sha512",
            HashValue = data.Sha512,
        };
        _ = await tx.UpdateImageAsync(active, cancellationToken) ?? throw Vanished(attempt.ImageId);
        await tx.RegisterIntentAsync(intent.AttemptId, cancellationToken);
        await tx.ReleaseLeaseAsync(lease, cancellationToken);
        return true;
    }
}
