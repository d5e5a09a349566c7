using Microsoft.Extensions.Logging;

namespace GlanceGateway.Fuse;

/// <summary>A mount and the session that serves it, in one process.</summary>
public sealed class FuseServer : IMountServer
{
    private static readonly TimeSpan s_abortGrace = TimeSpan.FromSeconds(2);

    private readonly ILogger _logger;
    private int _disposed;

    private FuseServer(FuseMount mount, FuseSession session, ILogger logger)
    {
        Mount = mount;
        Session = session;
        _logger = logger;
    }

    /// <summary>The mount.</summary>
    public FuseMount Mount { get; }

    /// <inheritdoc/>
    public string MountPoint => Mount.MountPoint;

    /// <inheritdoc/>
    public FuseSession Session { get; }

    /// <summary>Mounts a filesystem and serves it. The mount works when this returns.</summary>
    /// <exception cref="FuseMountException">It could not be mounted; the message names the remedy.</exception>
    public static FuseServer Start(
        string mountPoint, FuseFileSystem fileSystem, FuseMountOptions mountOptions, FuseSessionOptions sessionOptions, ILogger logger)
    {
        FuseMount mount = FuseMount.Create(mountPoint, mountOptions, logger);
        try
        {
            FuseSession session = new(mount.Device, mount.Negotiation, fileSystem, sessionOptions, logger);
            session.Start();
            return new FuseServer(mount, session, logger);
        }
        catch
        {
            _ = mount.Unmount();
            mount.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Unmounts and serves files still open until they are closed, or until the time is over; then aborts the connection.
    /// </summary>
    /// <param name="timeout">How long open files are waited for.</param>
    /// <param name="cancellationToken">Ends the wait early; the connection is aborted then too.</param>
    /// <returns>True when the session ended by itself.</returns>
    public async Task<bool> StopAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        _ = Mount.Unmount();
        if (await EndsWithin(timeout, cancellationToken))
        {
            return true;
        }

        // Without fusectl nothing wakes the reader threads; they end with the process.
        bool aborted = Mount.Abort();
        FuseLog.StopTimedOut(_logger, Mount.MountPoint, timeout.TotalSeconds, aborted);
        if (aborted)
        {
            _ = await EndsWithin(s_abortGrace, CancellationToken.None);
        }

        return false;
    }

    /// <summary>Unmounts without waiting for files still open, which are served on as long as the process lives.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _ = Mount.Unmount();
            Mount.Dispose();
        }
    }

    private async Task<bool> EndsWithin(TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            await Session.Completion.WaitAsync(timeout, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            return Session.Completion.IsCompleted;
        }
    }
}
