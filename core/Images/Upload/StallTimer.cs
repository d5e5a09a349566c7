namespace GlanceGateway.Images;

/// <summary>Ends a wait for the other side when nothing came for too long. A slow sender is fine, a silent one is not.</summary>
public sealed class StallTimer : IDisposable
{
    private readonly TimeSpan timeout;
    private readonly CancellationToken outer;
    private readonly CancellationTokenSource stalled;
    private readonly CancellationTokenSource either;

    /// <summary>Makes a timer that is not running yet.</summary>
    /// <param name="timeout">The longest wait.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends a wait as well, as a cancellation.</param>
    public StallTimer(TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        this.timeout = timeout;
        outer = cancellationToken;
        stalled = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        either = CancellationTokenSource.CreateLinkedTokenSource(stalled.Token, cancellationToken);
    }

    /// <summary>Runs one wait under the timer.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Stalled"/> when it took too long.</exception>
    public async ValueTask<T> WatchAsync<T>(Func<CancellationToken, ValueTask<T>> wait)
    {
        // Most waits are over before they begin; arming a timer for those cost more than the copy of their bytes.
        var pending = wait(either.Token);
        if (pending.IsCompletedSuccessfully)
        {
            return pending.Result;
        }

        stalled.CancelAfter(timeout);
        try
        {
            return await pending;
        }
        catch (OperationCanceledException) when (stalled.IsCancellationRequested && !outer.IsCancellationRequested)
        {
            throw new ImageException(ImageError.Stalled, $"No data came or went for {timeout.TotalSeconds:0.#} seconds.");
        }
        finally
        {
            stalled.CancelAfter(Timeout.InfiniteTimeSpan);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        either.Dispose();
        stalled.Dispose();
    }
}
