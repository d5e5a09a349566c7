using System.Collections.Concurrent;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// Deletes the data of images that are deleted and that a mount of this process still reads: when the last reader has gone, or when the grace time is
/// over. The intents of the deletion say how long that is (<see cref="StoreIntent.NotBefore"/>), and stay under their lease until then: when this process stops
/// or dies, the next one that serves the mount goes on reading, and <see cref="IntentSweeper"/> of any gateway deletes once the time is over.
/// </summary>
internal sealed class LateDeletion(ImageRegistry registry, MountReaders readers, ImageOptions options, TimeProvider time, ILogger log) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Task, bool> _waiting = new();
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>How long the data of an image must wait; null for not at all.</summary>
    public TimeSpan? WaitFor(Image image) => options.MountDeleteGrace > TimeSpan.Zero && !readers.WhenUnreadAsync(image).IsCompleted ? options.MountDeleteGrace : null;

    /// <summary>Takes a deletion over whose image is gone from the registry.</summary>
    /// <param name="image">The image.</param>
    /// <param name="lease">Of the deletion; renewed from now on.</param>
    /// <param name="carryOut">Deletes the data and ends the intents.</param>
    public void Schedule(Image image, Lease lease, Func<Task> carryOut)
    {
        ImageLog.DeletionWaits(log, image.Id, options.MountDeleteGrace.TotalSeconds);
        var waiting = WaitAsync(image, lease, carryOut);
        _waiting.TryAdd(waiting, true);
        _ = waiting.ContinueWith(done => _waiting.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Leaves what waits to the next process: readers that end from now on have not gone, they are handed over.</summary>
    public async Task LeaveAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_waiting.Keys);
    }

    public async ValueTask DisposeAsync()
    {
        await LeaveAsync();
        _stopping.Dispose();
    }

    private async Task WaitAsync(Image image, Lease lease, Func<Task> carryOut)
    {
        try
        {
            await using (var held = new HeldLease(registry, lease, options.LeaseDuration, (_, _) => Task.FromResult(true), time))
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(held.Lost, _stopping.Token);
                await Task.WhenAny(readers.WhenUnreadAsync(image), Task.Delay(options.MountDeleteGrace, time, either.Token));
                if (either.IsCancellationRequested)
                    return;
            }

            await carryOut();
        }
        catch (Exception failure)
        {
            // The intents are there: the next round of the sweeper tries again.
            ImageLog.SweepFailed(log, IntentKind.Delete, image.Id, "of the image", failure.Message);
        }
    }
}
