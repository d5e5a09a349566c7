using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>
/// Deletes images with their data. An intent for each location is recorded first, so that a deletion that dies half-way is finished, never
/// left as an image without bytes; a store that refuses (a clone needs the data) leaves the image usable.
/// </summary>
internal sealed class ImageDeletion(ImageRegistry registry, StoreSet stores, ImageOptions options, TimeProvider time)
{
    public static ImageException NothingToDelete(string id) => new(ImageError.NotFound, $"Failed to find image {id} to delete");

    public async Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        var plan = await registry.WriteAsync((tx, ct) => PlanAsync(tx, id, ct), cancellationToken);
        if (plan is not { } work)
        {
            return;
        }

        // From here on the deletion is carried through even when the client goes away.
        await using var lease = new HeldLease(registry, work.Lease, options.LeaseDuration, (_, _) => Task.FromResult(true), time);
        var gone = new List<(StoreIntent Intent, ImageLocation Location)>();
        foreach (var (intent, location) in work.Steps)
        {
            var refusal = await DeleteFromStoreAsync(id, location, lease.Lost);
            if (refusal is not null)
            {
                await KeepRestAsync(id, work, gone, CancellationToken.None);
                throw refusal;
            }

            gone.Add((intent, location));
        }

        await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(work.Lease, ct);
                await tx.DeleteImageAsync(id, ct);
                await EndAsync(tx, work, ct);
                return true;
            },
            CancellationToken.None);
    }

    /// <summary>Deletes at once what has no data; else records what is about to happen.</summary>
    private async Task<Deletion?> PlanAsync(RegistryTransaction tx, string id, CancellationToken cancellationToken)
    {
        var image = await tx.FindImageAsync(id, cancellationToken) ?? throw NothingToDelete(id);
        if (image.Protected)
        {
            throw new ImageException(ImageError.Forbidden, $"Image {id} is protected and cannot be deleted.");
        }

        if (image.Locations.Count == 0)
        {
            // A transfer that is writing this image notices at its next renewal, or at its end, and removes its bytes.
            await tx.DeleteImageAsync(id, cancellationToken);
            return null;
        }

        var lease = await tx.TakeLeaseAsync(LeaseNames.OfImage(id), options.LeaseDuration, ownToo: false, cancellationToken)
            ?? throw new ImageException(ImageError.Conflict, $"Image {id} could not be deleted because another operation works on its data.");
        var steps = new List<(StoreIntent, ImageLocation)>();
        foreach (var location in image.Locations)
        {
            var intent = new StoreIntent(
                Guid.NewGuid().ToString("N"), IntentKind.Delete, id, location.Store, location.Url, lease.Name, Registered: false, tx.Now);
            await tx.InsertIntentAsync(intent, cancellationToken);
            steps.Add((intent, location));
        }

        return new Deletion(lease, steps);
    }

    private async Task<ImageException?> DeleteFromStoreAsync(string id, ImageLocation location, CancellationToken cancellationToken)
    {
        if (!stores.TryGetDriver(location.Store, out var driver))
        {
            return new ImageException(ImageError.Unavailable, $"Image {id} could not be deleted: its store '{location.Store}' is not available.");
        }

        try
        {
            return await driver.DeleteAsync(location.Url, cancellationToken) switch
            {
                StoreOutcome.Ok or StoreOutcome.Absent => null,
                StoreOutcome.InUse => new ImageException(
                    ImageError.Conflict, $"Image {id} could not be deleted because it is in use: the store '{location.Store}' says that something depends on it."),
                var refused => new ImageException(
                    ImageError.Forbidden, $"Image {id} could not be deleted: the store '{location.Store}' answered {refused}."),
            };
        }
        catch (Exception failure) when (failure is StoreException or OperationCanceledException)
        {
            return new ImageException(ImageError.Unavailable, $"Image {id} could not be deleted: its store '{location.Store}' failed; try again.", failure);
        }
    }

    private Task<bool> KeepRestAsync(
        string id, Deletion work, IReadOnlyList<(StoreIntent Intent, ImageLocation Location)> gone, CancellationToken cancellationToken) =>
        registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(work.Lease, ct);
                foreach (var (_, location) in gone)
                {
                    await tx.RemoveLocationAsync(id, location.Id, ct);
                }

                await EndAsync(tx, work, ct);
                return true;
            },
            cancellationToken);

    private static async Task EndAsync(RegistryTransaction tx, Deletion work, CancellationToken cancellationToken)
    {
        foreach (var (intent, _) in work.Steps)
        {
            await tx.RemoveIntentAsync(intent.AttemptId, cancellationToken);
        }

        await tx.ReleaseLeaseAsync(work.Lease, cancellationToken);
    }

    private sealed record Deletion(Lease Lease, IReadOnlyList<(StoreIntent Intent, ImageLocation Location)> Steps);
}
