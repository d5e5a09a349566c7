using System.Collections.Concurrent;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Deletes the data of images that are deleted and that a mount of this process still reads: when the last reader has gone, or when the grace time is
/// over. The intents of the deletion stay under their lease until then, so a gateway that stops or dies leaves it to <see cref="IntentSweeper"/>.
/// </summary>
internal sealed class LateDeletion(ImageRegistry registry, MountReaders readers, ImageOptions options, TimeProvider time, ILogger log) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Task, bool> _waiting = new();
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Whether an image's data must wait.</summary>
    public bool IsRead(string imageId) => options.MountDeleteGrace > TimeSpan.Zero && !readers.WhenUnreadAsync(imageId).IsCompleted;

    /// <summary>Takes a deletion over whose image is gone from the registry.</summary>
    /// <param name="imageId">The image.</param>
    /// <param name="lease">Of the deletion; renewed from now on.</param>
    /// <param name="carryOut">Deletes the data and ends the intents.</param>
    public void Schedule(string imageId, Lease lease, Func<Task> carryOut)
    {
        ImageLog.DeletionWaits(log, imageId, options.MountDeleteGrace.TotalSeconds);
        var waiting = WaitAsync(imageId, lease, carryOut);
        _waiting.TryAdd(waiting, true);
        _ = waiting.ContinueWith(done => _waiting.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_waiting.Keys);
        _stopping.Dispose();
    }

    private async Task WaitAsync(string imageId, Lease lease, Func<Task> carryOut)
    {
        try
        {
            await using (var held = new HeldLease(registry, lease, options.LeaseDuration, (_, _) => Task.FromResult(true), time))
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(held.Lost, _stopping.Token);
                await Task.WhenAny(readers.WhenUnreadAsync(imageId), Task.Delay(options.MountDeleteGrace, time, either.Token));
                if (either.IsCancellationRequested)
                    return;
            }

            await carryOut();
        }
        catch (Exception failure)
        {
            // The intents are there: the next round of the sweeper tries again.
            ImageLog.SweepFailed(log, IntentKind.Delete, imageId, "of the image", failure.Message);
        }
    }
}
