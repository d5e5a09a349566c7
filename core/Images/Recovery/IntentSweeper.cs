using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Brings stores and registry back into agreement after a transfer or deletion, whether it ended well, failed, or died with its gateway.
/// </summary>
/// <remarks>
/// Before a store is touched the registry holds an intent. This class is the only one that ends an intent:
/// <list type="bullet">
/// <item>a write that the registry has recorded: the attempt's traces go, the object stays. No lease is needed, both steps are idempotent;</item>
/// <item>a write that it has not: the attempt's bytes go, and an image still <c>saving</c>, or <c>uploading</c> with nothing staged, is queued
/// again;</item>
/// <item>a deletion: it is carried out, because the user asked for it and part of it may have happened. Only the store can refuse it.</item>
/// </list>
/// Unfinished work is taken over only under its lease: after it expired, or at start when it was this instance's own. Bytes that no intent
/// names are never touched, and what lies in the place of another gateway (<see cref="StorePlaces"/>) is left for that one. A step that fails is tried again on the next round; nothing is forgotten before it worked. A store that does not
/// answer is asked once a round, so that its time-outs do not hold up the others; the order changes from round to round, so that it is not
/// always the same intent that asks.
/// </remarks>
public sealed class IntentSweeper : IAsyncDisposable
{
    private readonly ImageRegistry registry;
    private readonly StoreSet stores;
    private readonly StagingStore staging;
    private readonly StorePlaces places;
    private readonly ImageOptions options;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly Channel<StoreIntent> finished = Channel.CreateUnbounded<StoreIntent>(new() { SingleReader = true });
    private readonly CancellationTokenSource stopping = new();
    private Task running = Task.CompletedTask;

    internal IntentSweeper(
        ImageRegistry registry, StoreSet stores, StagingStore staging, StorePlaces places, ImageOptions options, TimeProvider time, ILogger<IntentSweeper> log)
    {
        this.registry = registry;
        this.stores = stores;
        this.staging = staging;
        this.places = places;
        this.options = options;
        this.time = time;
        this.log = log;
    }

    /// <summary>Cleans up behind this instance's earlier life and behind dead gateways, then keeps doing so until disposed.</summary>
    /// <param name="cancellationToken">Ends the first round, not those that follow.</param>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await SweepAsync(ownToo: true, cancellationToken);
        running = Task.WhenAll(Task.Run(RunAsync, CancellationToken.None), Task.Run(SettleFinishedAsync, CancellationToken.None));
    }

    /// <summary>Goes on with the reading of a location whose gateway died, under the lease that is given with it.</summary>
    internal Action<StoreIntent, Lease>? Verify { get; set; }

    /// <summary>Hands over a write that the registry has recorded; its traces are removed soon.</summary>
    internal void Schedule(StoreIntent registered) => finished.Writer.TryWrite(registered);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        finished.Writer.TryComplete();
        await stopping.CancelAsync();
        await running;
        stopping.Dispose();
    }

    /// <summary>One round over the dead intents.</summary>
    internal async Task SweepAsync(bool ownToo, CancellationToken cancellationToken)
    {
        var intents = (await registry.ListDeadIntentsAsync(ownToo, cancellationToken)).ToArray();
        Random.Shared.Shuffle(intents);
        var silent = new HashSet<string>(StringComparer.Ordinal);
        foreach (var intent in intents)
        {
            try
            {
                var driver = silent.Contains(intent.Store) ? null : await FindDriverAsync(intent, cancellationToken);
                await EndAsync(intent, driver, ownToo, cancellationToken);
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                if (failure is StoreException { Error: StoreError.Unavailable or StoreError.TimedOut })
                {
                    silent.Add(intent.Store);
                }

                ImageLog.SweepFailed(log, intent.Kind, intent.ImageId, intent.Store, failure.Message);
            }
        }
    }

    /// <summary>Ends an unfinished write under a lease that the caller holds.</summary>
    /// <exception cref="StoreException">The store could not be cleaned now; the intent stays, the image is queued again all the same.</exception>
    /// <exception cref="LeaseLostException">Nothing was undone, or another gateway does it.</exception>
    internal async Task AbandonAsync(StoreIntent intent, Lease lease, CancellationToken cancellationToken) =>
        await AbandonAsync(intent, await FindDriverAsync(intent, cancellationToken), lease, cancellationToken);

    /// <summary>Ends an unfinished write under a lease that the caller holds, as far as that is possible now; the rounds do the rest.</summary>
    internal async Task TryAbandonAsync(StoreIntent intent, Lease lease)
    {
        try
        {
            await AbandonAsync(intent, lease, CancellationToken.None);
        }
        catch (LeaseLostException)
        {
            // Another gateway has taken the work over, and cleans up.
        }
        catch (Exception failure)
        {
            ImageLog.SweepFailed(log, intent.Kind, intent.ImageId, intent.Store, failure.Message);
        }
    }

    /// <summary>Removes what an unfinished write left, under a lease that the caller holds and keeps.</summary>
    /// <returns>False when the store could not be cleaned now; the intent then stays for the rounds.</returns>
    /// <exception cref="LeaseLostException">Another gateway does it.</exception>
    internal async Task<bool> TryDiscardAsync(StoreIntent intent, Lease lease)
    {
        try
        {
            if (await FindDriverAsync(intent, CancellationToken.None) is not { } driver)
            {
                return false;
            }

            await RequireAsync(lease, CancellationToken.None);
            await driver.SettleAsync(StagingStore.AttemptOf(intent), keepCommitted: false, CancellationToken.None);
            await registry.WriteAsync(
                async (tx, ct) =>
                {
                    await tx.RequireLeaseAsync(lease, ct);
                    await tx.RemoveIntentAsync(intent.AttemptId, ct);
                    return true;
                },
                CancellationToken.None);
            return true;
        }
        catch (StoreException failure)
        {
            ImageLog.SweepFailed(log, intent.Kind, intent.ImageId, intent.Store, failure.Message);
            return false;
        }
    }

    /// <summary>The driver that reaches what an intent names; null when there is none, or only at another gateway.</summary>
    private async Task<IStorageDriver?> FindDriverAsync(StoreIntent intent, CancellationToken cancellationToken) =>
        (staging.TryGetDriver(intent.Store, out var driver) || stores.TryGetDriver(intent.Store, out driver))
        && (intent.Place is null || await places.NodesWithAsync(intent.Store, intent.Place, cancellationToken) is { Count: 0 })
            ? driver
            : null;

    private Task<bool> RequireAsync(Lease lease, CancellationToken cancellationToken) => registry.WriteAsync(
        async (tx, ct) =>
        {
            await tx.RequireLeaseAsync(lease, ct);
            return true;
        },
        cancellationToken);

    /// <summary>Whether an image waits for a write that will not come: then it is queued again.</summary>
    private static async Task<bool> WaitsForAsync(StoreIntent intent, Image image, Func<string, CancellationToken, Task<StagedData?>> staged, CancellationToken cancellationToken) =>
        image.Status == ImageStatus.Saving
        || (image.Status == ImageStatus.Uploading && StagingStore.Owns(intent.Store) && await staged(image.Id, cancellationToken) is null);

    private async Task AbandonAsync(StoreIntent intent, IStorageDriver? driver, Lease lease, CancellationToken cancellationToken)
    {
        // If the registering commit went through although its caller saw a failure, the lease is gone: then nothing may be undone.
        await RequireAsync(lease, cancellationToken);
        ExceptionDispatchInfo? fault = null;
        try
        {
            if (driver is not null)
            {
                await driver.SettleAsync(StagingStore.AttemptOf(intent), keepCommitted: false, cancellationToken);
            }
        }
        catch (StoreException failure)
        {
            fault = ExceptionDispatchInfo.Capture(failure);
        }

        await registry.WriteAsync(
            async (tx, ct) =>
            {
                await tx.RequireLeaseAsync(lease, ct);
                if (await tx.FindImageAsync(intent.ImageId, ct) is { } image && await WaitsForAsync(intent, image, tx.FindStagedAsync, ct))
                {
                    await tx.UpdateImageAsync(image with { Status = ImageStatus.Queued, Size = null, VirtualSize = null }, ct);
                }

                if (driver is not null && fault is null)
                {
                    await tx.RemoveIntentAsync(intent.AttemptId, ct);
                }

                await tx.ReleaseLeaseAsync(lease, ct);
                return true;
            },
            cancellationToken);
        fault?.Throw();
    }

    private async Task EndAsync(StoreIntent intent, IStorageDriver? driver, bool ownToo, CancellationToken cancellationToken)
    {
        // Without the store all that can be done is to queue an image again.
        if (driver is null && (intent.Kind != IntentKind.Write || intent.Registered
            || await registry.FindImageAsync(intent.ImageId, cancellationToken) is not { } image
            || !await WaitsForAsync(intent, image, registry.FindStagedAsync, cancellationToken)))
        {
            return;
        }

        if (intent.Registered)
        {
            await SettleAsync(intent, cancellationToken);
            return;
        }

        if (await registry.WriteAsync((tx, ct) => tx.TakeLeaseAsync(intent.LeaseName, options.LeaseDuration, ownToo, ct), cancellationToken) is not { } lease)
        {
            return;
        }

        ImageLog.Sweeping(log, intent.Kind, intent.ImageId, intent.Store);
        if (intent.Kind == IntentKind.Verify)
        {
            Verify?.Invoke(intent, lease);
            return;
        }

        await using var held = new HeldLease(registry, lease, options.LeaseDuration, (_, _) => Task.FromResult(true), time);
        try
        {
            await (intent.Kind == IntentKind.Write
                ? AbandonAsync(intent, driver, lease, cancellationToken)
                : FinishDeletionAsync(intent, driver!, lease, cancellationToken));
        }
        catch
        {
            // Held on to, it would keep users from deleting the image themselves.
            await registry.WriteAsync((tx, ct) => ReleaseAsync(tx, lease, ct), CancellationToken.None);
            throw;
        }
    }

    private async Task FinishDeletionAsync(StoreIntent intent, IStorageDriver driver, Lease lease, CancellationToken cancellationToken)
    {
        var isForeign = stores.TryGet(intent.Store, out var store) && store.IsReadOnly;
        var refusal = isForeign ? null : await ImageDeletion.DeleteCopyAsync(driver, places, intent, cancellationToken);
        var isKept = false;
        await registry.WriteAsync(
            async (tx, ct) =>
            {
                if (refusal is null && !StagingStore.Owns(intent.Store))
                {
                    await ImageDeletion.RecordGoneAsync(tx, intent, ct);
                }

                // Without its image nobody else would ever ask the store again.
                isKept = refusal is not null && await tx.FindImageAsync(intent.ImageId, ct) is null;
                if (!isKept)
                {
                    await tx.RemoveIntentAsync(intent.AttemptId, ct);
                }

                return await ReleaseAsync(tx, lease, ct);
            },
            cancellationToken);
        if (isKept)
        {
            ImageLog.SweepFailed(log, intent.Kind, intent.ImageId, intent.Store, refusal!.Message);
        }
        else if (refusal is not null)
        {
            ImageLog.DeletionRefused(log, intent.ImageId, refusal.Message);
        }
    }

    private static async Task<bool> ReleaseAsync(RegistryTransaction tx, Lease lease, CancellationToken cancellationToken)
    {
        await tx.ReleaseLeaseAsync(lease, cancellationToken);
        return true;
    }

    private async Task SettleAsync(StoreIntent intent, CancellationToken cancellationToken)
    {
        if (await FindDriverAsync(intent, cancellationToken) is { } driver)
        {
            await driver.SettleAsync(StagingStore.AttemptOf(intent), keepCommitted: true, cancellationToken);
            await registry.WriteAsync(
                async (tx, ct) =>
                {
                    await tx.RemoveIntentAsync(intent.AttemptId, ct);
                    return true;
                },
                cancellationToken);
        }
    }

    private async Task SettleFinishedAsync()
    {
        // Runs to the end of the channel even when stopping: what was acknowledged is also tidied. What is not is swept at the next start.
        await foreach (var intent in finished.Reader.ReadAllAsync())
        {
            try
            {
                await SettleAsync(intent, CancellationToken.None);
            }
            catch (Exception failure)
            {
                ImageLog.SweepFailed(log, intent.Kind, intent.ImageId, intent.Store, failure.Message);
                if (stopping.IsCancellationRequested)
                {
                    // A store that does not answer must not hold up the stop once for each of its intents.
                    return;
                }
            }
        }
    }

    private async Task RunAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(options.LeaseDuration / 2, time, stopping.Token);
                await SweepAsync(ownToo: false, stopping.Token);
            }
            catch (Exception) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                ImageLog.SweepRoundFailed(log, failure.Message);
            }
        }
    }
}
