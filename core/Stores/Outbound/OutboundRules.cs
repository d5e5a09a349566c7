using System.Net;

namespace GlanceGateway.Stores;

/// <summary>What the gateway may connect to for its users: http locations and imports from the web.</summary>
public sealed record OutboundRules
{
    /// <summary>Networks beyond the public ones that may be connected to, such as the one of an internal web server. A metadata address of a
    /// cloud is allowed only by a network of exactly that address.</summary>
    public IReadOnlyList<IPNetwork> AllowedNetworks { get; init; } = [];

    /// <summary>Which URLs are asked at all.</summary>
    public UrlRules Urls { get; init; } = new();

    /// <summary>How many redirects one request may follow, from 0.</summary>
    public int MaximumRedirects { get; init; } = 5;

    /// <summary>How long resolving a name and connecting may take together.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
