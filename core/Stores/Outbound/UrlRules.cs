using System.Globalization;
using System.Net;

namespace GlanceGateway.Stores;

/// <summary>
/// Which URLs may be asked: by scheme, then host, then port. On each level a list of what is allowed decides alone when it is not empty, else
/// the list of what is not; two empty lists allow everything.
/// </summary>
public sealed record UrlRules
{
    /// <summary>Schemes in lower case. Whatever stands here, nothing but http and https is ever asked.</summary>
    public IReadOnlyList<string> AllowedSchemes { get; init; } = ["http", "https"];

    /// <summary>Schemes in lower case.</summary>
    public IReadOnlyList<string> DisallowedSchemes { get; init; } = [];

    /// <summary>Names or literal addresses, compared whole: <c>example.org</c> is not <c>www.example.org</c>.</summary>
    public IReadOnlyList<string> AllowedHosts { get; init; } = [];

    /// <summary>Names or literal addresses. A name that resolves to the same address is another host; to keep addresses out, use
    /// <see cref="AddressRules"/>.</summary>
    public IReadOnlyList<string> DisallowedHosts { get; init; } = [];

    /// <summary>Ports, also those that a URL leaves to its scheme.</summary>
    public IReadOnlyList<int> AllowedPorts { get; init; } = [80, 443];

    /// <summary>Ports, also those that a URL leaves to its scheme.</summary>
    public IReadOnlyList<int> DisallowedPorts { get; init; } = [];

    /// <summary>Why a URL must not be asked; null when it may. Addresses behind a name are not judged here.</summary>
    /// <param name="url">Absolute.</param>
    public string? ObjectionTo(Uri url)
    {
        ArgumentNullException.ThrowIfNull(url);
        if (!url.IsAbsoluteUri)
            return "it is not absolute";
        if (url.Scheme is not ("http" or "https"))
            return $"the scheme '{url.Scheme}' is neither http nor https";
        if (!Allows(AllowedSchemes, DisallowedSchemes, url.Scheme))
            return $"the scheme '{url.Scheme}' is not allowed";
        if (url.Host.Length == 0)
            return "it names no host";
        if (IsOddLiteral(url))
            return "its host is an address in a form that is not the usual one";
        if (!Allows([.. AllowedHosts.Select(Normalise)], [.. DisallowedHosts.Select(Normalise)], Normalise(url.IdnHost)))
            return $"the host '{url.IdnHost}' is not allowed";
        return Allows(AllowedPorts, DisallowedPorts, url.Port) ? null : $"the port {url.Port.ToString(CultureInfo.InvariantCulture)} is not allowed";
    }

    private static bool Allows<T>(IReadOnlyList<T> allowed, IReadOnlyList<T> disallowed, T value) =>
        allowed.Count > 0 ? allowed.Contains(value) : !disallowed.Contains(value);

    private static string Normalise(string host)
    {
        var name = host.Trim().TrimEnd('.').Trim('[', ']').ToLowerInvariant();
        if (!IPAddress.TryParse(name, out var address))
            return name;
        return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
    }

    // .NET reads 0x7f.1, 2130706433 and 017700000001 as 127.0.0.1 and shows that as the host, so what was written is looked at. Nobody writes
    // an address like this but to get past a filter.
    private static bool IsOddLiteral(Uri url)
    {
        if (url.HostNameType != UriHostNameType.IPv4)
            return false;
        var written = url.OriginalString.AsSpan();
        var start = written.IndexOf("//", StringComparison.Ordinal);
        if (start < 0)
            return true;
        written = written[(start + 2)..];
        var end = written.IndexOfAny("/\\?#");
        if (end >= 0)
            written = written[..end];
        written = written[(written.LastIndexOf('@') + 1)..];
        var colon = written.IndexOf(':');
        if (colon >= 0)
            written = written[..colon];
        return !written.SequenceEqual(url.Host);
    }
}
