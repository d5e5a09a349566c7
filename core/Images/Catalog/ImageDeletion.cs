using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>Deletes images with their data.</summary>
/// <remarks>
/// An intent for each copy of the data is recorded before its store is touched. What the stores answer decides:
/// <list type="bullet">
/// <item>gone: recorded, and the image goes with its last copy;</item>
/// <item>refused (a clone needs the data, the store is not there): that copy and those after it are whole, the image stays and is usable;</item>
/// <item>no answer: nobody knows whether the data is still there. The intent stays, so that <see cref="IntentSweeper"/> carries the deletion
/// on. Undoing it instead could leave an image that claims data it does not have.</item>
/// </list>
/// Dying anywhere leaves the intents, which come to the same as no answer.
/// An image without data goes at once, and what is staged for it with it; a transfer or import that is under way notices, and undoes itself.
/// One that copies an active image to more stores is told to stop, and waited for.
/// An image that a mount reads goes at once, with the intents in one commit, its data later (<see cref="LateDeletion"/>): then no store can refuse any more.
/// </remarks>
internal sealed class ImageDeletion(
    ImageRegistry registry, StoreSet stores, StorePlaces places, StagingArea staging, TaskRunner runner, LateDeletion late, ImageOptions options, TimeProvider time)
{
    public static ImageException NothingToDelete(string id) => new(ImageError.NotFound, $"Failed to find image {id} to delete");

    /// <summary>Deletes one copy of an image's data.</summary>
    /// <returns>Null when it is gone; why not, when it is whole and stays.</returns>
    /// <exception cref="StoreException">The store did not answer: it may be gone or not.</exception>
    public static async Task<ImageException?> DeleteCopyAsync(
        IStorageDriver driver, StorePlaces places, StoreIntent intent, CancellationToken cancellationToken)
    {
        try
        {
            return await driver.DeleteAsync(intent.Url!, cancellationToken) switch
            {
                StoreOutcome.Ok => null,
                StoreOutcome.Absent => await ElsewhereAsync(places, intent, cancellationToken),
                StoreOutcome.InUse => new ImageException(
                    ImageError.Conflict,
                    $"Image {intent.ImageId} could not be deleted because it is in use: the store '{intent.Store}' says that something depends on it."),
                var refused => new ImageException(
                    ImageError.Forbidden, $"Image {intent.ImageId} could not be deleted: the store '{intent.Store}' answered {refused}."),
            };
        }
        catch (StoreException failure) when (failure.Error == StoreError.InvalidLocation)
        {
            return await ElsewhereAsync(places, intent, cancellationToken) ?? new ImageException(
                ImageError.Failed, $"Image {intent.ImageId} could not be deleted: what the registry says of its data is not the store '{intent.Store}''s.", failure);
        }
    }

    /// <summary>Why a copy that is not here is not gone; null when it is.</summary>
    private static async Task<ImageException?> ElsewhereAsync(StorePlaces places, StoreIntent intent, CancellationToken cancellationToken) =>
        await places.NodesWithAsync(intent.Store, intent.Place, cancellationToken) is { Count: > 0 } nodes
            ? new ImageException(
                ImageError.Unavailable,
                $"Image {intent.ImageId} could not be deleted here: its data lies at {StorePlaces.InWords(nodes)}, in a store '{intent.Store}' that this gateway does not see.")
            : null;

    /// <summary>Records that a copy is gone, and the image with the last one. Needs no lease: it is so whoever works on the image.</summary>
    public static async Task RecordGoneAsync(RegistryTransaction tx, StoreIntent intent, CancellationToken cancellationToken)
    {
        if (await tx.FindImageAsync(intent.ImageId, cancellationToken) is not { } image)
        {
            return;
        }

        var gone = image.Locations.Where(l => l.Store == intent.Store && l.Url == intent.Url).ToList();
        if (gone.Count == image.Locations.Count)
        {
            await tx.DeleteImageAsync(image.Id, cancellationToken);
            return;
        }

        foreach (var location in gone)
        {
            await tx.RemoveLocationAsync(image.Id, location.Id, cancellationToken);
        }
    }

    /// <summary>Deletes an image with all its data.</summary>
    public async Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        var plan = await PlanAsync(id, cancellationToken);
        runner.Cancel(id);
        await staging.DeleteAsync(plan.Staged);
        if (plan.Work is not { } work)
        {
            return;
        }

        if (plan.Forgotten is { } image)
        {
            late.Schedule(image, work.Lease, () => CarryOutAsync(work, isForgotten: true));
            return;
        }

        await CarryOutAsync(work);
    }

    /// <summary>Deletes some copies of an image's data.</summary>
    /// <param name="id">The image.</param>
    /// <param name="choose">Of the image as it is when the deletion is recorded, the copies; never all.</param>
    /// <param name="cancellationToken">Ends the call before anything is recorded.</param>
    public async Task DeleteCopiesAsync(string id, Func<Image, IReadOnlyList<ImageLocation>> choose, CancellationToken cancellationToken) =>
        await CarryOutAsync(await registry.WriteAsync(
            async (tx, ct) =>
            {
                var image = await tx.FindImageAsync(id, ct) ?? throw ImageAccess.NoSuchImage(id);
                var copies = choose(image);
                if (copies.Count >= image.Locations.Count)
                {
                    throw new ImageException(ImageError.Forbidden, $"The last copy of image {id} goes only with the image.");
                }

                var lease = await tx.TakeLeaseAsync(LeaseNames.OfImage(id), options.LeaseDuration, ownToo: false, ct) ?? throw Busy(id);
                return await RecordAsync(tx, id, copies, lease, notBefore: null, ct);
            },
            cancellationToken));

    /// <param name="work">What is to be deleted.</param>
    /// <param name="isForgotten">Whether the image is gone already: what a store refuses is then tried again by the sweeper, as nobody else could.</param>
    private async Task CarryOutAsync(Deletion work, bool isForgotten = false)
    {
        // From here on the deletion is carried through even when the client goes away.
        await using var lease = new HeldLease(registry, work.Lease, options.LeaseDuration, (_, _) => Task.FromResult(true), time);
        var gone = new List<StoreIntent>();
        ImageException? refusal = null;
        var answered = true;
        foreach (var intent in work.Intents)
        {
            (refusal, answered) = await DeleteFromStoreAsync(intent, lease.Lost);
            if (refusal is not null)
            {
                break;
            }

            gone.Add(intent);
        }

        await registry.WriteAsync(
            async (tx, ct) =>
            {
                foreach (var intent in gone)
                {
                    await RecordGoneAsync(tx, intent, ct);
                }

                foreach (var intent in answered && !isForgotten ? work.Intents : gone)
                {
                    await tx.RemoveIntentAsync(intent.AttemptId, ct);
                }

                await tx.ReleaseLeaseAsync(work.Lease, ct);
                return true;
            },
            CancellationToken.None);
        if (refusal is not null)
        {
            throw refusal;
        }
    }

    /// <summary>Plans, and waits while an import that was told to stop still holds the image.</summary>
    private async Task<Plan> PlanAsync(string id, CancellationToken cancellationToken)
    {
        // A run of another gateway hears of it at its next renewal, which is a third of a lease away at most.
        var until = time.GetUtcNow() + options.LeaseDuration;
        for (var stopped = false; ; stopped = true)
        {
            var told = stopped;
            var plan = await registry.WriteAsync((tx, ct) => PlanAsync(tx, id, told, ct), cancellationToken);
            if (!plan.IsHeld)
            {
                return plan;
            }

            if (time.GetUtcNow() >= until)
            {
                throw Busy(id);
            }

            runner.Cancel(id);
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancellationToken);
        }
    }

    private static ImageException Busy(string id) =>
        new(ImageError.Conflict, $"Image {id} could not be deleted because another operation works on its data.");

    /// <summary>Deletes at once what has no data; else records what is about to happen.</summary>
    /// <param name="tx">The unit of work.</param>
    /// <param name="id">The image.</param>
    /// <param name="told">Whether an import was told to stop before.</param>
    /// <param name="cancellationToken">Ends the unit.</param>
    private async Task<Plan> PlanAsync(RegistryTransaction tx, string id, bool told, CancellationToken cancellationToken)
    {
        var image = await tx.FindImageAsync(id, cancellationToken) ?? throw NothingToDelete(id);
        if (image.Protected)
        {
            throw new ImageException(ImageError.Forbidden, $"Image {id} is protected and cannot be deleted.");
        }

        if (image.Locations.Count == 0)
        {
            // A transfer that is writing this image notices at its next renewal, or at its end, and removes its bytes.
            var staged = await StagingArea.ForgetAsync(tx, id, cancellationToken);
            await tx.DeleteImageAsync(id, cancellationToken);
            return new Plan(null, staged, Forgotten: null, IsHeld: false);
        }

        if (await tx.TakeLeaseAsync(LeaseNames.OfImage(id), options.LeaseDuration, ownToo: false, cancellationToken) is not { } lease)
        {
            if (ImportMarks.TaskOf(image) is not null)
            {
                await tx.UpdateImageAsync(image.WithoutTask(), cancellationToken);
            }
            else if (!told)
            {
                throw Busy(id);
            }

            return new Plan(null, null, Forgotten: null, IsHeld: true);
        }

        var wait = late.WaitFor(image);
        var work = await RecordAsync(tx, id, image.Locations, lease, wait is { } grace ? tx.Now + grace : null, cancellationToken);
        var forgotten = await StagingArea.ForgetAsync(tx, id, cancellationToken);
        if (wait is not null)
        {
            await tx.DeleteImageAsync(id, cancellationToken);
        }

        return new Plan(work, forgotten, wait is null ? null : image, IsHeld: false);
    }

    private static async Task<Deletion> RecordAsync(
        RegistryTransaction tx, string id, IReadOnlyList<ImageLocation> locations, Lease lease, DateTimeOffset? notBefore, CancellationToken cancellationToken)
    {
        var intents = new List<StoreIntent>();
        foreach (var location in locations)
        {
            // Named after the location's row, so that a deletion tried again takes the place of the one that got no answer.
            var intent = new StoreIntent(
                $"{location.Id:x32}", IntentKind.Delete, id, location.Store, location.Url, lease.Name, Registered: false, tx.Now, location.Place, notBefore);
            await tx.RemoveIntentAsync(intent.AttemptId, cancellationToken);
            await tx.InsertIntentAsync(intent, cancellationToken);
            intents.Add(intent);
        }

        return new Deletion(lease, intents);
    }

    private async Task<(ImageException? Refusal, bool Answered)> DeleteFromStoreAsync(StoreIntent intent, CancellationToken cancellationToken)
    {
        if (stores.TryGet(intent.Store, out var store) && store.IsReadOnly)
        {
            // What lies there is somebody else's: it is forgotten.
            return (null, true);
        }

        if (!stores.TryGetDriver(intent.Store, out var driver))
        {
            return (new ImageException(ImageError.Unavailable, $"Image {intent.ImageId} could not be deleted: its store '{intent.Store}' is not available."), true);
        }

        try
        {
            return (await DeleteCopyAsync(driver, places, intent, cancellationToken), true);
        }
        catch (Exception failure) when (failure is StoreException or OperationCanceledException)
        {
            var text = $"Image {intent.ImageId} is not deleted yet: its store '{intent.Store}' failed. The deletion is carried on when the store answers.";
            return (new ImageException(ImageError.Unavailable, text, failure), false);
        }
    }

    private sealed record Deletion(Lease Lease, IReadOnlyList<StoreIntent> Intents);

    /// <param name="Work">What is to be deleted from stores; null for nothing.</param>
    /// <param name="Staged">Staged bytes that are forgotten.</param>
    /// <param name="Forgotten">The image, when it is gone already and its data is to wait; null otherwise.</param>
    /// <param name="IsHeld">Whether nothing can be done before an import has stopped, which was told so.</param>
    private sealed record Plan(Deletion? Work, StoreIntent? Staged, Image? Forgotten, bool IsHeld);
}
