using System.Net.Http.Headers;
using System.Text;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Http;

/// <summary>A location: an http or https URL, as upstream keeps it, with an optional <c>user:password@</c> that goes into a header and nowhere else.</summary>
/// <param name="Url">The URL without user and password.</param>
/// <param name="Credentials">For the location's own origin only.</param>
internal sealed record HttpLocation(Uri Url, AuthenticationHeaderValue? Credentials)
{
    /// <summary>What may be shown: no query, which signs the request on many servers.</summary>
    public string Shown => Url.GetLeftPart(UriPartial.Path);

    /// <summary>Reads a location.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.InvalidLocation"/>; the text does not repeat it, because it may hold a secret.</exception>
    public static HttpLocation Parse(string location)
    {
        if (!location.StartsWith("http://", StringComparison.OrdinalIgnoreCase) && !location.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
            throw Invalid("is neither an http nor an https URL");
        if (location.Any(c => c <= ' ' || c == '\x7f') || !Uri.TryCreate(location, UriKind.Absolute, out var url) || url.Host.Length == 0)
            throw Invalid("is no URL");
        if (url.UserInfo.Length == 0)
            return new HttpLocation(url, null);

        var (user, password) = url.UserInfo.IndexOf(':') is var colon and >= 0 ? (url.UserInfo[..colon], url.UserInfo[(colon + 1)..]) : (url.UserInfo, null);
        if (password is null)
            throw Invalid("has a user without a password");
        var pair = Encoding.UTF8.GetBytes($"{Uri.UnescapeDataString(user)}:{Uri.UnescapeDataString(password)}");

        // Cut out of the text as it was written: what the address rules look at must not be rewritten before.
        var start = location.IndexOf("//", StringComparison.Ordinal) + 2;
        var end = location.IndexOfAny(['/', '\\', '?', '#'], start);
        var at = location.LastIndexOf('@', (end < 0 ? location.Length : end) - 1);
        return new HttpLocation(new Uri(location[..start] + location[(at + 1)..]), new AuthenticationHeaderValue("Basic", Convert.ToBase64String(pair)));
    }

    /// <summary>Whether a URL is of the location's origin, to which its credentials belong.</summary>
    public bool IsOriginOf(Uri url) =>
        Uri.Compare(Url, url, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static StoreException Invalid(string what) => new(StoreError.InvalidLocation, $"The location {what}.");
}
