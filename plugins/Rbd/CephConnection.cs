using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>The store's one connection, made anew after it died. librados itself follows monitors and OSDs that come and go.</summary>
internal sealed class CephConnection(RbdSettings settings) : IAsyncDisposable
{
    private const int MostCalls = 16;
    private const int MostRemovals = 4;
    private static readonly TimeSpan longestGoodbye = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly CallThreads calls = new(MostCalls);

    // Removing an image of a terabyte takes minutes, during which others are still opened.
    private readonly CallThreads removals = new(MostRemovals);
    private Task<CephCluster>? current;
    private bool disposed;

    /// <summary>Runs blocking calls on the cluster, and once more on a new connection when the old one turns out to be dead.</summary>
    /// <param name="call">Runs in a thread of its own; called twice, it does the same again. Leaves no image open but in its result.</param>
    /// <param name="discard">Gets a result that nobody waits for any more.</param>
    /// <param name="cancellationToken">Ends the wait; the call itself goes on to its end.</param>
    /// <exception cref="CephException">What the call threw.</exception>
    public Task<T> RunAsync<T>(Func<CephCluster, T> call, CancellationToken cancellationToken, Action<T>? discard = null) =>
        RunAsync(calls, call, discard, cancellationToken);

    /// <summary>The same for removals, which may take long.</summary>
    public Task<T> RemoveAsync<T>(Func<CephCluster, T> call, CancellationToken cancellationToken) => RunAsync(removals, call, discard: null, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        Task<CephCluster>? last;
        lock (gate)
        {
            disposed = true;
            last = current;
            current = null;
        }

        if (last is null)
            return;
        await ((Task)last).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!last.IsCompletedSuccessfully)
            return;
        var cluster = await last;
        cluster.Retire();

        // The libraries call into this assembly until then; a transfer that its owner never ended must not hold the owner up for ever.
        await Task.WhenAny(cluster.Closed, Task.Delay(longestGoodbye));
    }

    private async Task<T> RunAsync<T>(CallThreads threads, Func<CephCluster, T> call, Action<T>? discard, CancellationToken cancellationToken)
    {
        for (var again = false; ; again = true)
        {
            var cluster = await EnterAsync(cancellationToken);
            Task<T> running;
            try
            {
                running = await threads.StartAsync(() => Call(cluster, call), cancellationToken);
            }
            catch (OperationCanceledException)
            {
                cluster.Leave();
                throw;
            }

            try
            {
                return await running.WaitAsync(cancellationToken);
            }
            catch (CephException failure) when (Errno.IsDeadConnection(failure.Error) && !again)
            {
                // Once more, on another connection.
            }
            catch (OperationCanceledException)
            {
                _ = running.ContinueWith(
                    late =>
                    {
                        if (late.IsCompletedSuccessfully)
                            discard?.Invoke(late.Result);
                        else
                            _ = late.Exception;
                    },
                    CancellationToken.None,
                    TaskContinuationOptions.None,
                    TaskScheduler.Default);
                throw;
            }
        }
    }

    private static T Call<T>(CephCluster cluster, Func<CephCluster, T> call)
    {
        try
        {
            return call(cluster);
        }
        catch (CephException failure)
        {
            cluster.Judge(failure.Error);
            throw;
        }
        finally
        {
            cluster.Leave();
        }
    }

    private async Task<CephCluster> EnterAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task<CephCluster> connecting;
            lock (gate)
            {
                ObjectDisposedException.ThrowIf(disposed, this);
                if (current is null || current.IsFaulted || current.IsCanceled || (current.IsCompletedSuccessfully && current.Result.IsRetired))
                    current = ConnectAsync();
                connecting = current;
            }

            var cluster = await connecting.WaitAsync(cancellationToken);
            if (!cluster.IsRetired && cluster.TryEnter())
                return cluster;
        }
    }

    private async Task<CephCluster> ConnectAsync() => await await calls.StartAsync(() => CephCluster.Connect(settings), CancellationToken.None);
}
