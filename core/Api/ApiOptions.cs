using System.Net;

namespace GlanceGateway.Api;

/// <summary>How a request says who it is from.</summary>
public enum IdentityMode
{
    /// <summary>It does not: everybody is the administrator of one project, any token is accepted and ignored.</summary>
    None,

    /// <summary>A trusted proxy in front has checked a token and says so in headers.</summary>
    Headers,

    /// <summary>By a token of OpenStack's identity service, which is asked whose it is.</summary>
    Keystone,

    /// <summary>By a token of a list that the operator keeps.</summary>
    Tokens,
}

/// <summary>How the HTTP face behaves. The limits are Glance's.</summary>
public sealed record ApiOptions
{
    /// <summary>The URL under which clients reach the gateway, when it is not the one in their requests: for <c>Location</c> and the version list.</summary>
    public Uri? PublicEndpoint { get; init; }

    /// <summary>How callers are known.</summary>
    public IdentityMode Identity { get; init; } = IdentityMode.None;

    /// <summary>The project of everybody under <see cref="IdentityMode.None"/>.</summary>
    public string ProjectId { get; init; } = "default";

    /// <summary>From where identity headers are believed under <see cref="IdentityMode.Headers"/>; nobody by default.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>Whom to ask under <see cref="IdentityMode.Keystone"/>; needed then.</summary>
    public KeystoneOptions? Keystone { get; init; }

    /// <summary>Which tokens there are under <see cref="IdentityMode.Tokens"/>; needed then.</summary>
    public TokenFileOptions? TokenFile { get; init; }

    /// <summary>Images of a page that does not say how many.</summary>
    public int DefaultPageSize { get; init; } = 25;

    /// <summary>Most images of a page, whatever it says.</summary>
    public int MaxPageSize { get; init; } = 1000;

    /// <summary>Largest JSON body in bytes.</summary>
    public long MaxJsonBodyBytes { get; init; } = 1 << 20;

    /// <summary>Most characters of a client's request id; 0 for no limit.</summary>
    public int MaxRequestIdLength { get; init; } = 64;

    /// <summary>Most requests of one user of a project that wait for changes at the same time; 0 or less for no limit.</summary>
    public int MaxFeedWaiters { get; init; } = 2000;

    /// <summary>While this file exists <c>/healthcheck</c> answers 503: takes a gateway out of a load balancer. Null for none.</summary>
    public string? HealthcheckDisableFile { get; init; }
}
