using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>
/// The connections of one store. A transfer leases one for its whole life; a new one is made while all are in use and fewer than the limit
/// exist, else the least used is shared, which SFTP allows. Dead ones are dropped when they are met.
/// </summary>
internal sealed class SessionPool(SftpConnector connector, int most, Action<StoreLogLevel, string> log) : IAsyncDisposable
{
    private readonly List<SftpSession> sessions = [];
    private readonly SemaphoreSlim connecting = new(1);
    private bool disposed;

    /// <summary>A live session; give it back with <see cref="Return"/>.</summary>
    public async ValueTask<SftpSession> RentAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Take(shared: false) is { } idle)
            return idle;
        await connecting.WaitAsync(cancellationToken);
        try
        {
            if (Take(shared: false) is { } meanwhile)
                return meanwhile;
            SftpSession made;
            try
            {
                made = await connector.ConnectAsync(cancellationToken);
            }
            catch (StoreException exception) when (Take(shared: true) is { } other)
            {
                // Servers limit sessions too: one connection that works is better than none.
                log(StoreLogLevel.Warning, $"A further connection could not be made, so transfers share the others: {exception.Message}");
                return other;
            }

            lock (sessions)
            {
                if (!disposed)
                {
                    made.Users = 1;
                    sessions.Add(made);
                    return made;
                }
            }

            await made.DisposeAsync();
            throw new ObjectDisposedException(nameof(SessionPool));
        }
        finally
        {
            connecting.Release();
        }
    }

    /// <summary>Ends a lease.</summary>
    public void Return(SftpSession session)
    {
        lock (sessions)
            session.Users--;
    }

    /// <summary>Does something short that may be done twice: once more on another session when the first one fails meanwhile.</summary>
    public async ValueTask<T> UseAsync<T>(Func<SftpSession, Task<T>> action, CancellationToken cancellationToken)
    {
        for (var again = false; ; again = true)
        {
            var session = await RentAsync(cancellationToken);
            try
            {
                return await action(session).WaitAsync(cancellationToken);
            }
            catch (StoreException exception) when (!again && !session.IsOpen && exception.Error == StoreError.Unavailable)
            {
                log(StoreLogLevel.Information, $"Asking once more over a new connection: {exception.Message}");
            }
            finally
            {
                Return(session);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        List<SftpSession> all;
        lock (sessions)
        {
            disposed = true;
            all = [.. sessions];
            sessions.Clear();
        }

        await Task.WhenAll(all.Select(session => session.DisposeAsync().AsTask()));
    }

    private SftpSession? Take(bool shared)
    {
        lock (sessions)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            foreach (var dead in sessions.Where(session => !session.IsOpen).ToList())
            {
                sessions.Remove(dead);
                _ = Task.Run(async () => await dead.DisposeAsync());
            }

            var least = sessions.MinBy(session => session.Users);
            if (least is null || (least.Users > 0 && sessions.Count < most && !shared))
                return null;
            least.Users++;
            return least;
        }
    }
}
