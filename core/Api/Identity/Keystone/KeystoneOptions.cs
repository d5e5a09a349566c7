using System.Security.Cryptography.X509Certificates;

namespace GlanceGateway.Api;

/// <summary>Which identity service is asked whose a token is, and how.</summary>
public sealed record KeystoneOptions
{
    /// <summary>Its URL, with or without the <c>/v3</c> at the end.</summary>
    public required Uri AuthUrl { get; init; }

    /// <summary>As whom the gateway itself logs in: only some may check the tokens of others.</summary>
    public required KeystoneCredential Credential { get; init; }

    /// <summary>The URL that a 401 names for clients to log in at, when they reach the service by another one than the gateway; null for <see cref="AuthUrl"/>.</summary>
    public Uri? PublicAuthUrl { get; init; }

    /// <summary>How long an answer about a token is believed: a revoked token works on for so long. Zero asks for every request.</summary>
    public TimeSpan CacheTime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a caller waits for the identity service before it is answered with 503.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The certificate authorities of which one must vouch for the service; null for those that the system trusts.</summary>
    public X509Certificate2Collection? Authorities { get; init; }
}
