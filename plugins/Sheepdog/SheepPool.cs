using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>
/// The connections of one store. Any node serves any request over any connection, so each request goes to the connection with the fewest in
/// flight, and a further one is made while all are busy and fewer than the limit exist. What changes nothing is asked once more when its
/// connection was lost; what changes something is never sent twice, because the first copy may still be under way inside the cluster.
/// </summary>
internal sealed class SheepPool(SheepdogSettings settings, TimeProvider time, Action<StoreLogLevel, string> log) : IAsyncDisposable
{
    private static readonly TimeSpan shortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan longestPause = TimeSpan.FromSeconds(2);

    private readonly List<SheepConnection> connections = [];
    private readonly SemaphoreSlim connecting = new(1);
    private int favourite;
    private bool disposed;

    /// <summary>Sends a request. While the cluster says that it is not ready, it is sent again after a pause, for up to the operation time-out.</summary>
    /// <returns>The answer, whatever its result.</returns>
    /// <exception cref="StoreException">There was no answer, or the cluster did not become ready.</exception>
    public async Task<SheepAnswer> AskAsync(SheepRequest request, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var pause = shortestPause;
        while (true)
        {
            var answer = await AskOnceAsync(request, destination, cancellationToken);
            if (!Refusals.IsPassing(answer.Result))
                return answer;
            if (time.GetElapsedTime(started) + pause > settings.OperationTimeout)
                throw Refusals.NotReady(answer.Result);
            await Task.Delay(pause, time, cancellationToken);
            pause = pause * 2 < longestPause ? pause * 2 : longestPause;
        }
    }

    public async ValueTask DisposeAsync()
    {
        List<SheepConnection> all;
        lock (connections)
        {
            disposed = true;
            all = [.. connections];
            connections.Clear();
        }

        await Task.WhenAll(all.Select(connection => connection.DisposeAsync().AsTask()));
    }

    private async Task<SheepAnswer> AskOnceAsync(SheepRequest request, Memory<byte> destination, CancellationToken cancellationToken)
    {
        for (var again = false; ; again = true)
        {
            var connection = await RentAsync(cancellationToken);
            try
            {
                return await connection.AskAsync(request, destination, cancellationToken);
            }
            catch (StoreException exception) when (!again && request.ChangesNothing && exception.Error == StoreError.Unavailable)
            {
                log(StoreLogLevel.Information, $"Asking once more over another connection: {exception.Message}");
            }
        }
    }

    private async ValueTask<SheepConnection> RentAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Choose(busy: false) is { } idle)
            return idle;

        // While one request connects, the others share what there is.
        if (!await connecting.WaitAsync(0, cancellationToken))
        {
            if (Choose(busy: true) is { } shared)
                return shared;
            await connecting.WaitAsync(cancellationToken);
        }

        try
        {
            if (Choose(busy: false) is { } meanwhile)
                return meanwhile;
            SheepConnection made;
            try
            {
                made = await ConnectAsync(cancellationToken);
            }
            catch (StoreException exception) when (Choose(busy: true) is { } other)
            {
                log(StoreLogLevel.Warning, $"A further connection could not be made, so transfers share the others: {exception.Message}");
                return other;
            }

            lock (connections)
            {
                if (!disposed)
                {
                    connections.Add(made);
                    return made;
                }
            }

            await made.DisposeAsync();
            throw new ObjectDisposedException(nameof(SheepPool));
        }
        finally
        {
            connecting.Release();
        }
    }

    // The node that answered last is asked first; the others only when it does not.
    private async Task<SheepConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        StoreException? first = null;
        for (var i = 0; i < settings.Nodes.Count; i++)
        {
            var candidate = (favourite + i) % settings.Nodes.Count;
            try
            {
                var made = await SheepConnection.ConnectAsync(settings.Nodes[candidate], settings, time, cancellationToken);
                favourite = candidate;
                return made;
            }
            catch (StoreException exception)
            {
                first ??= exception;
            }
        }

        throw first!;
    }

    private SheepConnection? Choose(bool busy)
    {
        lock (connections)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            foreach (var dead in connections.Where(connection => !connection.IsOpen).ToList())
            {
                connections.Remove(dead);
                _ = Task.Run(async () => await dead.DisposeAsync());
            }

            var least = connections.MinBy(connection => connection.Outstanding);
            return least is null || (least.Outstanding > 0 && connections.Count < settings.Connections && !busy) ? null : least;
        }
    }
}
