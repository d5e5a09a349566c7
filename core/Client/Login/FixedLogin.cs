namespace GlanceGateway.Client;

/// <summary>No log-in, or a token that somebody else has made: nothing can be renewed.</summary>
public sealed class FixedLogin : ILogin
{
    private readonly LoginSession _session;

    /// <summary>Makes it.</summary>
    /// <param name="endpoints">Where the images are, in the order of preference; with or without a version.</param>
    /// <param name="token">The token; null for none.</param>
    public FixedLogin(IEnumerable<Uri> endpoints, string? token = null) => _session = new LoginSession(token, [.. endpoints.Select(LoginSession.RootOf).Distinct()]);

    /// <inheritdoc/>
    public ValueTask<LoginSession> GetAsync(CancellationToken cancellationToken) => ValueTask.FromResult(_session);

    /// <inheritdoc/>
    public bool Forget(LoginSession session) => false;
}
