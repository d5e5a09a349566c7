using GlanceGateway.Abstractions;

namespace GlanceGateway.Client;

/// <summary>How a client proves who it is, and finds where the images are.</summary>
public interface ILogin
{
    /// <summary>A log-in that is valid now, made or renewed when need be; safe for concurrent use.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>: it is refused; <see cref="StoreError.Unavailable"/>: it may work later.</exception>
    ValueTask<LoginSession> GetAsync(CancellationToken cancellationToken);

    /// <summary>Drops a log-in that an endpoint refused, so that the next call makes a new one.</summary>
    /// <returns>False when there is no other to be had.</returns>
    bool Forget(LoginSession session);
}
