using GlanceGateway.Abstractions;
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

    // One number for each time that it connected.
    private readonly HashSet<ulong> clients = [];

    // Calls that were abandoned and still hold a thread, with the image that they may yet change.
    private readonly List<(string Image, Task Call)> abandoned = [];

    /// <summary>Runs blocking calls on the cluster, and once more on a new connection when the old one turns out to be dead.</summary>
    /// <param name="call">Runs in a thread of its own; called twice, it does the same again. Leaves no image open but in its result.</param>
    /// <param name="cancellationToken">Ends the wait; the call itself goes on to its end.</param>
    /// <param name="discard">Gets a result that nobody waits for any more.</param>
    /// <param name="image">The image that the call changes: nothing else may while an abandoned call may still do so.</param>
    /// <exception cref="CephException">What the call threw.</exception>
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/>: it gave no sign for <see cref="RbdSettings.LongestSilence"/>, or an
    /// earlier one has not come back.</exception>
    public Task<T> RunAsync<T>(Func<CephCluster, T> call, CancellationToken cancellationToken, Action<T>? discard = null, string? image = null) =>
        RunAsync(calls, call, discard, image, cancellationToken);

    /// <summary>The same for removals, which may take long.</summary>
    public Task<T> RemoveAsync<T>(Func<CephCluster, T> call, string image, CancellationToken cancellationToken) =>
        RunAsync(removals, call, discard: null, image, cancellationToken);

    /// <summary>Whether the cluster's name of a client is, or was, that of this connection.</summary>
    public bool IsOurs(ulong client)
    {
        lock (gate)
            return clients.Contains(client);
    }

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

    private async Task<T> RunAsync<T>(CallThreads threads, Func<CephCluster, T> call, Action<T>? discard, string? image, CancellationToken cancellationToken)
    {
        for (var again = false; ; again = true)
        {
            var cluster = await EnterAsync(cancellationToken);
            var pulse = new CallPulse(goesOn: threads == removals);
            Task<T> running;
            try
            {
                running = await threads.StartAsync(() => Call(cluster, call, image), pulse, settings.LongestSilence, cancellationToken);
            }
            catch
            {
                cluster.Leave();
                throw;
            }

            try
            {
                // Watched to its end, also when its caller goes.
                if (!await WatchAsync(cluster, pulse, running, image).WaitAsync(cancellationToken))
                    throw NoSign(settings.LongestSilence, image);
                return await running;
            }
            catch (CephException failure) when (Errno.IsDeadConnection(failure.Error) && !again)
            {
                // Once more, on another connection.
            }
            catch when (!running.IsFaulted)
            {
                _ = DiscardAsync(running, discard);
                throw;
            }
        }
    }

    private async Task<bool> WatchAsync(CephCluster cluster, CallPulse pulse, Task running, string? image)
    {
        if (await pulse.EndsAsync(running, settings.LongestSilence))
            return true;
        cluster.Retire();
        if (image is not null)
        {
            lock (gate)
                abandoned.Add((image, running));
        }

        return false;
    }

    private void ThrowIfAbandoned(string? image)
    {
        lock (gate)
        {
            abandoned.RemoveAll(one => one.Call.IsCompleted);
            if (image is not null && abandoned.Exists(one => one.Image == image))
                throw new StoreException(StoreError.Unavailable, "An earlier call for the image waits for the cluster and may still change it.", image);
        }
    }

    private static StoreException NoSign(TimeSpan longest, string? image = null) =>
        new(StoreError.Unavailable, $"Ceph's library gave no sign for {longest.TotalSeconds:0.#} s; its call was given up.", image);

    private static async Task DiscardAsync<T>(Task<T> running, Action<T>? discard)
    {
        await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (running.IsCompletedSuccessfully)
            discard?.Invoke(await running);
        else
            _ = running.Exception;
    }

    private T Call<T>(CephCluster cluster, Func<CephCluster, T> call, string? image)
    {
        try
        {
            ThrowIfAbandoned(image);
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

    private async Task<CephCluster> ConnectAsync()
    {
        var pulse = new CallPulse();
        var running = await calls.StartAsync(Connect, pulse, settings.LongestSilence, CancellationToken.None);
        if (await pulse.EndsAsync(running, settings.LongestConnect))
            return await running;
        _ = DiscardAsync(running, late => late.Retire());
        throw NoSign(settings.LongestConnect);
    }

    private CephCluster Connect()
    {
        var cluster = CephCluster.Connect(settings);
        lock (gate)
            clients.Add(cluster.InstanceId);
        return cluster;
    }
}
