using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>Follows a source for as long as the mount lives, and begins again when it breaks off.</summary>
internal sealed class CatalogueFollower(IImageSource source, Action<CatalogueUpdate> apply, ImageMountOptions options, TimeProvider time, ILogger logger)
{
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the first snapshot is applied.</summary>
    internal Task FirstSnapshot => _first.Task;

    /// <summary>Runs until cancelled.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        TimeSpan wait = options.FollowRetry.First;
        while (!cancellationToken.IsCancellationRequested)
        {
            Exception? reason = null;
            try
            {
                await foreach (CatalogueUpdate update in source.FollowAsync(cancellationToken).WithCancellation(cancellationToken))
                {
                    apply(update);
                    if (update.IsSnapshot)
                    {
                        _first.TrySetResult();
                    }

                    wait = options.FollowRetry.First;
                }
            }
            catch (Exception e)
            {
                reason = e;
            }

            if (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            ViewLog.CatalogueLost(logger, reason, wait.TotalSeconds);
            try
            {
                await Task.Delay(wait, time, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            wait = wait * 2 < options.FollowRetry.Longest ? wait * 2 : options.FollowRetry.Longest;
        }
    }
}
