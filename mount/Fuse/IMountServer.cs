namespace GlanceGateway.Fuse;

/// <summary>A mount that this process serves.</summary>
public interface IMountServer : IDisposable
{
    /// <summary>Absolute path without links.</summary>
    string MountPoint { get; }

    /// <summary>What answers the kernel.</summary>
    FuseSession Session { get; }

    /// <summary>
    /// Ends serving. A mount that is kept for a successor stays, and what waits is left to it; any other is unmounted, and files still open are served
    /// until they are closed or the time is over.
    /// </summary>
    /// <param name="timeout">How long open files, or answers in progress, are waited for.</param>
    /// <param name="cancellationToken">Ends the wait early.</param>
    /// <returns>True when nobody was cut off.</returns>
    Task<bool> StopAsync(TimeSpan timeout, CancellationToken cancellationToken = default);
}
