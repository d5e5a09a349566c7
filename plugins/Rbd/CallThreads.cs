using System.Collections.Concurrent;
using System.Threading.Channels;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// Threads for the calls of the libraries that block: to connect, open, create, snapshot, rename, remove. Their number is bounded, so a
/// cluster that hangs takes no more of them, and the thread pool none. Reads and writes never come here.
/// </summary>
internal sealed class CallThreads(int most)
{
    // A place in it for each call that runs: a semaphore would have to outlive the last call to be disposed.
    private readonly Channel<bool> running = Channel.CreateBounded<bool>(most);
    private readonly ConcurrentDictionary<CallPulse, bool> pulses = new();

    /// <summary>Runs a call in a thread of its own once one is free.</summary>
    /// <param name="call">Runs to its end: the libraries' calls cannot be ended from outside.</param>
    /// <param name="pulse">The call's.</param>
    /// <param name="longest">The silence after which a running call counts as dead. Calls that live are waited for without limit.</param>
    /// <param name="cancellationToken">Ends the wait for a thread, nothing else.</param>
    /// <returns>The running call.</returns>
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/>: every thread is held by a call that does not come back. Said at once,
    /// and no longer as soon as one of them has ended.</exception>
    public async Task<Task<T>> StartAsync<T>(Func<T> call, CallPulse pulse, TimeSpan longest, CancellationToken cancellationToken)
    {
        while (!running.Writer.TryWrite(true))
        {
            // Fewer pulses than threads: one is just coming or going.
            if (pulses.Count >= most && pulses.Keys.All(other => other.Silence >= longest))
            {
                throw new StoreException(
                    StoreError.Unavailable,
                    $"Each of the {most} threads for such a call is held by one that the cluster has not answered for {longest.TotalSeconds:0.#} s or more. " +
                    "They come back by themselves when it answers; 'ceph health detail' names what does not.");
            }

            if (await TryTakeAsync(longest, cancellationToken))
                break;
        }

        pulses[pulse] = true;
        pulse.Sign();
        return Task.Factory.StartNew(
            () =>
            {
                try
                {
                    return pulse.Run(call);
                }
                finally
                {
                    pulses.TryRemove(pulse, out _);
                    running.Reader.TryRead(out _);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default);
    }

    private async Task<bool> TryTakeAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(longest);
        try
        {
            await running.Writer.WriteAsync(true, limit.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }
}
