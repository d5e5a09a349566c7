using System.Collections.Concurrent;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Reads the data of locations that were added, in the background: to prove what was said of it, or to fill in the hashes of an image.
/// </summary>
/// <remarks>
/// An intent of the kind <see cref="IntentKind.Verify"/> names the location, the lease is the image's hash lease. What was said of the data
/// stands in the image. So nothing is lost with a gateway: <see cref="IntentSweeper"/> takes the lease of a dead one over and starts here again.
/// <list type="bullet">
/// <item>an image that is <c>importing</c> becomes active when the data is what was said; else it is queued again, without the location and the
/// hashes. The bytes stay: what turned out not to be this image's data is not this gateway's to delete;</item>
/// <item>an image that is active already gets its checksum and hash; when its data cannot be read it stays without.</item>
/// </list>
/// Deleting the image ends the reading, at the latest with the next renewal of the lease.
/// </remarks>
internal sealed class LocationVerifier(ImageRegistry registry, StoreSet stores, ImageOptions options, TimeProvider time, ILogger<LocationVerifier> log) : IAsyncDisposable
{
    private const int MostTries = 3;

    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<string, Task> running = new(StringComparer.Ordinal);

    /// <summary>Records, in the unit of work that adds a location, that its data is to be read.</summary>
    public async Task<(StoreIntent Intent, Lease Lease)> PlanAsync(RegistryTransaction tx, string imageId, string store, string url, CancellationToken cancellationToken)
    {
        var lease = await tx.TakeLeaseAsync(LeaseNames.OfHash(imageId), options.LeaseDuration, ownToo: false, cancellationToken)
            ?? throw new ImageException(ImageError.Conflict, $"The data of image {imageId} is being read already; try again later.");
        var intent = new StoreIntent(Guid.NewGuid().ToString("N"), IntentKind.Verify, imageId, store, url, lease.Name, Registered: false, tx.Now);
        await tx.InsertIntentAsync(intent, cancellationToken);
        return (intent, lease);
    }

    /// <summary>Begins to read; the lease is this object's from now on.</summary>
    public void Start(StoreIntent intent, Lease lease)
    {
        var work = new Task<Task>(() => RunAsync(intent, lease));
        running[intent.AttemptId] = work.Unwrap();
        work.Start(TaskScheduler.Default);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Task.WhenAll(running.Values);
        stopping.Dispose();
    }

    private static bool IsWanted(Image? image, StoreIntent intent) =>
        image is { Status: ImageStatus.Importing } or { Status: ImageStatus.Active or ImageStatus.Deactivated, Checksum: null }
        && image.Locations.Any(location => location.Url == intent.Url && location.Store == intent.Store);

    private async Task RunAsync(StoreIntent intent, Lease lease)
    {
        try
        {
            await using var held = new HeldLease(
                registry, lease, options.LeaseDuration, async (tx, ct) => IsWanted(await tx.FindImageAsync(intent.ImageId, ct), intent), time);
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(held.Lost, stopping.Token);
            LocationHash? hash;
            try
            {
                hash = await ReadAsync(intent, ending.Token);
            }
            catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
            {
                // The image went away, or another gateway does it now: the unit below finds out which.
                hash = null;
            }

            await registry.WriteAsync((tx, ct) => EndAsync(tx, intent, lease, hash, ct), CancellationToken.None);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The intent stays for whoever comes next.
        }
        catch (LeaseLostException)
        {
            // Another gateway has taken it over.
        }
        catch (Exception failure)
        {
            ImageLog.SweepFailed(log, intent.Kind, intent.ImageId, intent.Store, failure.Message);
        }
        finally
        {
            running.TryRemove(intent.AttemptId, out _);
        }
    }

    /// <returns>Null when the data cannot be read.</returns>
    private async Task<LocationHash?> ReadAsync(StoreIntent intent, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (!stores.TryGetDriver(intent.Store, out var driver))
                {
                    return null;
                }

                var opened = await driver.OpenAsync(intent.Url!, cancellationToken);
                if (!opened.IsOk)
                {
                    return null;
                }

                await using var source = opened.Value;
                return await LocationHash.ComputeAsync(source, cancellationToken);
            }
            catch (StoreException failure)
            {
                ImageLog.LocationFailed(log, intent.ImageId, intent.Store, failure.Message);
                if (attempt == MostTries)
                {
                    return null;
                }

                await Task.Delay(TimeSpan.FromSeconds(attempt), time, cancellationToken);
            }
        }
    }

    private async Task<bool> EndAsync(RegistryTransaction tx, StoreIntent intent, Lease lease, LocationHash? hash, CancellationToken cancellationToken)
    {
        await tx.RequireLeaseAsync(lease, cancellationToken);
        if (await tx.FindImageAsync(intent.ImageId, cancellationToken) is { } image && IsWanted(image, intent))
        {
            if (image.Status != ImageStatus.Importing)
            {
                if (hash is not null && hash.Size == image.Size)
                {
                    await tx.UpdateImageAsync(Proven(image, hash), cancellationToken);
                }
            }
            else if (hash is not null && image is { HashAlgorithm: { } algorithm, HashValue: { } value } && hash.Proves(algorithm, value))
            {
                await tx.UpdateImageAsync(Proven(image, hash) with { Status = ImageStatus.Active, Size = hash.Size }, cancellationToken);
            }
            else
            {
                ImageLog.LocationRefused(log, image.Id, intent.Store);
                foreach (var location in image.Locations.Where(location => location.Url == intent.Url))
                {
                    await tx.RemoveLocationAsync(image.Id, location.Id, cancellationToken);
                }

                await tx.UpdateImageAsync(
                    image with { Status = ImageStatus.Queued, Size = null, VirtualSize = null, HashAlgorithm = null, HashValue = null }, cancellationToken);
            }
        }

        await tx.RemoveIntentAsync(intent.AttemptId, cancellationToken);
        await tx.ReleaseLeaseAsync(lease, cancellationToken);
        return true;
    }

    private static Image Proven(Image image, LocationHash hash) =>
        image with { Checksum = hash.Md5, HashAlgorithm = "sha512", HashValue = hash.Sha512 };
}
