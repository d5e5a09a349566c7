using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Takes data of queued images that is to be imported later. As an upload it has three units of work (queued to uploading with a lease and a
/// write intent; the driver's commit; the record of what is staged), and whatever ends it early leaves the image queued and no bytes.
/// </summary>
public sealed class ImageStaging
{
    private readonly ImageRegistry registry;
    private readonly ImageAccess access;
    private readonly QuotaLedger quotas;
    private readonly StagingArea area;
    private readonly IntentSweeper sweeper;
    private readonly ImageOptions options;
    private readonly TimeProvider time;
    private readonly ILogger log;

    internal ImageStaging(
        ImageRegistry registry,
        ImageAccess access,
        QuotaLedger quotas,
        StagingArea area,
        IntentSweeper sweeper,
        ImageOptions options,
        TimeProvider time,
        ILogger log)
    {
        this.registry = registry;
        this.access = access;
        this.quotas = quotas;
        this.area = area;
        this.sweeper = sweeper;
        this.options = options;
        this.time = time;
        this.log = log;
    }

    /// <summary>Streams data into the staging area.</summary>
    /// <param name="caller">Who stages.</param>
    /// <param name="imageId">A queued image.</param>
    /// <param name="request">The data; its store is not looked at. Nothing is read before every check that needs none of it has passed.</param>
    /// <param name="cancellationToken">The client went away, or the gateway stops.</param>
    /// <exception cref="ImageException">Refused; the message says why.</exception>
    public async Task StageAsync(Caller caller, string imageId, UploadRequest request, CancellationToken cancellationToken)
    {
        var image = await access.FindForAsync(caller, imageId, PolicyAction.ModifyImage, cancellationToken);
        if (request.DeclaredSize > options.SizeCap)
        {
            throw new ImageException(ImageError.TooLarge, $"Image exceeds the maximum allowed size of {options.SizeCap} bytes.");
        }

        var begun = time.GetTimestamp();
        var quota = await quotas.OpenAsync(image.Owner, cancellationToken);
        var (intent, lease, reserved) = await registry.WriteAsync(
            (tx, ct) => BeginAsync(tx, image.Id, quota, request.DeclaredSize, ct), cancellationToken);
        using var hold = quota.Hold(UsageKind.StagedBytes, reserved, request.DeclaredSize, lease);
        StagedObject staged;
        await using (var held = new HeldLease(registry, lease, options.LeaseDuration, (tx, ct) => IsStillStagingAsync(tx, image.Id, ct), time))
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(held.Lost, cancellationToken);
            try
            {
                staged = await area.WriteAsync(intent, request.Body, request.DeclaredSize, image.Owner, hold, ending.Token);

                // Not cancellable: from here on only the registry decides whether the data is staged.
                await registry.WriteAsync((tx, ct) => RecordAsync(tx, staged, lease, ct), CancellationToken.None);
            }
            catch (Exception failure)
            {
                ImageLog.UploadEnded(log, image.Id, intent.Store, failure.Message);
                await sweeper.TryAbandonAsync(intent, lease);
                throw Refusal(failure, image.Id, held, cancellationToken);
            }
        }

        area.Settle(staged);
        ImageLog.Uploaded(log, image.Id, staged.Data.Size, intent.Store, time.GetElapsedTime(begun).TotalMilliseconds);
    }

    private static async Task<bool> IsStillStagingAsync(RegistryTransaction tx, string imageId, CancellationToken cancellationToken) =>
        await tx.FindImageAsync(imageId, cancellationToken) is { Status: ImageStatus.Uploading };

    private static ImageException Vanished(string imageId) =>
        new(ImageError.Gone, $"Image {imageId} could not be found after it was staged. It may have been deleted meanwhile; its data was removed.");

    private static Exception Refusal(Exception failure, string imageId, HeldLease held, CancellationToken cancellationToken) => failure switch
    {
        StoreException fault => StoreRefusals.Of(fault),
        LeaseLostException => Vanished(imageId),
        OperationCanceledException when held.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested => Vanished(imageId),
        _ => failure,
    };

    private async Task<(StoreIntent Intent, Lease Lease, long Reserved)> BeginAsync(
        RegistryTransaction tx, string imageId, ProjectQuota quota, long? size, CancellationToken cancellationToken)
    {
        var image = await tx.FindImageAsync(imageId, cancellationToken) ?? throw ImageAccess.NoSuchImage(imageId);
        if (image.Status != ImageStatus.Queued)
        {
            throw new ImageException(
                ImageError.Conflict, $"Image status transition from {WireNames.Of(image.Status)} to uploading is not allowed");
        }

        var lease = await tx.TakeLeaseAsync(LeaseNames.OfImage(imageId), options.LeaseDuration, ownToo: false, cancellationToken)
            ?? throw new ImageException(ImageError.Conflict, $"Another operation works on the data of image {imageId}.");
        await quota.RequireAsync(tx, UsageKind.Transfers, 1, cancellationToken);
        var reserved = await quota.ReserveAsync(tx, UsageKind.StagedBytes, size, lease, cancellationToken);
        var intent = area.NewIntent(imageId, lease, tx.Now);
        await tx.InsertIntentAsync(intent, cancellationToken);
        await tx.UpdateImageAsync(image with { Status = ImageStatus.Uploading }, cancellationToken);
        return (intent, lease, reserved);
    }

    private static async Task<bool> RecordAsync(RegistryTransaction tx, StagedObject staged, Lease lease, CancellationToken cancellationToken)
    {
        await tx.RequireLeaseAsync(lease, cancellationToken);
        if (await tx.FindImageAsync(staged.Intent.ImageId, cancellationToken) is not { Status: ImageStatus.Uploading } image)
        {
            throw Vanished(staged.Intent.ImageId);
        }

        await StagingArea.RecordAsync(tx, staged, cancellationToken);
        _ = await tx.UpdateImageAsync(image with { Size = staged.Data.Size }, cancellationToken) ?? throw Vanished(image.Id);
        await tx.ReleaseLeaseAsync(lease, cancellationToken);
        return true;
    }
}
