using System.Threading.Channels;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// Threads for the calls of the libraries that block: to connect, open, create, snapshot, rename, remove. Their number is bounded, so a
/// cluster that hangs takes no more of them, and the thread pool none. Reads and writes never come here.
/// </summary>
internal sealed class CallThreads(int most)
{
    // A place in it for each call that runs: a semaphore would have to outlive the last call to be disposed.
    private readonly Channel<bool> running = Channel.CreateBounded<bool>(most);

    /// <summary>Runs a call in a thread of its own once one is free.</summary>
    /// <param name="call">Runs to its end: the libraries' calls cannot be ended from outside.</param>
    /// <param name="cancellationToken">Ends the wait for a thread, nothing else.</param>
    /// <returns>The running call.</returns>
    public async Task<Task<T>> StartAsync<T>(Func<T> call, CancellationToken cancellationToken)
    {
        await running.Writer.WriteAsync(true, cancellationToken);
        return Task.Factory.StartNew(
            () =>
            {
                try
                {
                    return call();
                }
                finally
                {
                    running.Reader.TryRead(out _);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default);
    }
}
