using System.IO.Pipelines;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>What has been staged: the object, and what came through the pipeline on the way.</summary>
internal sealed record StagedObject(StoreIntent Intent, StoredObject Object, UploadedData Data);

/// <summary>
/// Data that waits to be imported: written, recorded, opened, and removed. Every object has a write intent before its first byte, then the record
/// of the image's staged data, and a delete intent from the moment that record goes until its bytes are gone.
/// </summary>
internal sealed class StagingArea(ImageRegistry registry, StagingStore store, StorePlaces places, IntentSweeper sweeper, ImageOptions options, TimeProvider time, ILogger log)
{
    private readonly UploadPipeline pipeline = new(options, time);

    /// <summary>Whether data can be staged at all.</summary>
    public bool IsConfigured => store.IsConfigured;

    /// <summary>The intent of an attempt to stage data.</summary>
    public StoreIntent NewIntent(string imageId, Lease lease, DateTimeOffset now) =>
        new(Guid.NewGuid().ToString("N"), IntentKind.Write, imageId, store.Id, Url: null, lease.Name, Registered: false, now, places.Of(store.Id));

    /// <summary>Streams data into the store under an intent that the registry holds.</summary>
    /// <param name="intent">The attempt.</param>
    /// <param name="body">The bytes.</param>
    /// <param name="declaredSize">How many; null when nobody knows.</param>
    /// <param name="projectId">For whom.</param>
    /// <param name="hold">The quota that the bytes need.</param>
    /// <param name="cancellationToken">Ends the transfer.</param>
    /// <exception cref="ImageException">The data or the store refuses; the caller abandons the attempt.</exception>
    public async Task<StagedObject> WriteAsync(
        StoreIntent intent, PipeReader body, long? declaredSize, string? projectId, QuotaHold hold, CancellationToken cancellationToken)
    {
        if (!store.TryGetDriver(intent.Store, out var driver))
        {
            throw new ImageException(ImageError.Unavailable, "The staging area is not available for now.");
        }

        var opened = await driver.BeginWriteAsync(new WriteRequest(StagingStore.AttemptOf(intent), declaredSize, projectId), cancellationToken);
        await using var writer = opened.IsOk ? opened.Value : throw StoreRefusals.Of(opened.Outcome);
        var data = await pipeline.RunAsync(body, declaredSize, writer, hold.EnsureAsync, signature: null, cancellationToken);
        var committed = await writer.CommitAsync(cancellationToken);
        var stored = committed.IsOk ? committed.Value : throw StoreRefusals.Of(committed.Outcome);
        return stored.Size == data.Size
            ? new StagedObject(intent, stored, data)
            : throw new StoreException(StoreError.Corrupt, $"The staging area committed {stored.Size} bytes of {data.Size}.", stored.Location);
    }

    /// <summary>Records an object as the image's staged data.</summary>
    public static async Task RecordAsync(RegistryTransaction tx, StagedObject staged, CancellationToken cancellationToken)
    {
        var (intent, stored, data) = staged;
        await tx.InsertStagedAsync(new StagedData(intent.ImageId, intent.Store, stored.Location, data.Size, data.Sha512, tx.Now, intent.Place), cancellationToken);
        await tx.RegisterIntentAsync(intent.AttemptId, cancellationToken);
    }

    /// <summary>Lets the traces of a recorded attempt be removed soon.</summary>
    public void Settle(StagedObject staged) => sweeper.Schedule(staged.Intent with { Registered = true });

    /// <summary>Forgets an image's staged data. Its bytes are to be removed by <see cref="DeleteAsync"/> after the unit of work.</summary>
    /// <returns>The intent to delete them; null when nothing was staged.</returns>
    public static async Task<StoreIntent?> ForgetAsync(RegistryTransaction tx, string imageId, CancellationToken cancellationToken)
    {
        if (await tx.FindStagedAsync(imageId, cancellationToken) is not { } staged)
        {
            return null;
        }

        var intent = new StoreIntent(
            Guid.NewGuid().ToString("N"), IntentKind.Delete, imageId, staged.Store, staged.Url, LeaseNames.OfImage(imageId), Registered: false, tx.Now, staged.Place);
        await tx.RemoveStagedAsync(imageId, cancellationToken);
        await tx.InsertIntentAsync(intent, cancellationToken);
        return intent;
    }

    /// <summary>Removes bytes that were forgotten. What cannot be removed now is left to the sweeper.</summary>
    public async Task DeleteAsync(StoreIntent? intent)
    {
        if (intent is null || !store.TryGetDriver(intent.Store, out var driver))
        {
            return;
        }

        try
        {
            if (await places.NodesWithAsync(intent.Store, intent.Place, CancellationToken.None) is { Count: > 0 })
            {
                // The gateway that has them sweeps them.
                return;
            }

            var outcome = await driver.DeleteAsync(intent.Url!, CancellationToken.None);
            StoreRefusals.Require(outcome == StoreOutcome.Absent ? StoreOutcome.Ok : outcome);
            await registry.WriteAsync(
                async (tx, ct) =>
                {
                    await tx.RemoveIntentAsync(intent.AttemptId, ct);
                    return true;
                },
                CancellationToken.None);
        }
        catch (Exception failure)
        {
            ImageLog.SweepFailed(log, intent.Kind, intent.ImageId, intent.Store, failure.Message);
        }
    }

    /// <summary>The nodes on which data is staged that this gateway does not see; empty when it sees it, or nobody does.</summary>
    public Task<IReadOnlyList<string>> NodesWithAsync(StagedData staged, CancellationToken cancellationToken) =>
        staged.Place is null ? Task.FromResult<IReadOnlyList<string>>([]) : places.NodesWithAsync(staged.Store, staged.Place, cancellationToken);

    /// <summary>Opens staged data. The caller disposes it.</summary>
    /// <exception cref="ImageException">It is gone or not as it was staged.</exception>
    public async Task<IByteSource> OpenAsync(StagedData staged, CancellationToken cancellationToken)
    {
        if (!store.TryGetDriver(staged.Store, out var driver))
        {
            throw new ImageException(ImageError.Unavailable, "The staging area that holds the data is not available.");
        }

        var opened = await driver.OpenAsync(staged.Url, cancellationToken);
        if (!opened.IsOk)
        {
            throw new ImageException(
                ImageError.Failed, opened.Outcome == StoreOutcome.Absent ? "The staged data is gone." : "The staged data cannot be read.");
        }

        if (opened.Value.Length is { } length && length != staged.Size)
        {
            await opened.Value.DisposeAsync();
            throw new ImageException(ImageError.Failed, "The staged data is not as it was staged.");
        }

        return opened.Value;
    }
}
