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
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/>: every thread is held by a call that does not come back.</exception>
    public async Task<Task<T>> StartAsync<T>(Func<T> call, CallPulse pulse, TimeSpan longest, CancellationToken cancellationToken)
    {
        while (!await TryTakeAsync(longest, cancellationToken))
        {
            if (pulses.Keys.All(other => other.Silence >= longest))
                throw new StoreException(StoreError.Unavailable, $"The cluster holds up {pulses.Count} calls, and there is no thread for another one.");
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
        if (running.Writer.TryWrite(true))
            return true;
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
