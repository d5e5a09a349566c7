using System.Net;
using System.Net.Security;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>
/// Asks http and https URLs that users name. Invariants:
/// <list type="bullet">
/// <item>every URL, the first and each redirect's, passes <see cref="UrlRules"/>, and every connection is made by <see cref="GuardedConnector"/>;</item>
/// <item>HTTP/1.1 or less: a server that offers HTTP/3 by Alt-Svc would otherwise be connected to over QUIC, past the connector;</item>
/// <item>on the way to another origin only the headers of a short list are kept, so that a credential, whatever it is called, stays behind;
/// and it does not come back when a later redirect returns to the first origin;</item>
/// <item>a redirect from https to http is refused: whoever sits on the line could exchange the image.</item>
/// </list>
/// </summary>
internal sealed class GuardedHttpHandler : DelegatingHandler
{
    private static readonly HashSet<string> s_sentEverywhere = new(StringComparer.OrdinalIgnoreCase)
    {
        "Accept", "Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "User-Agent",
    };

    private readonly OutboundRules _rules;

    public GuardedHttpHandler(OutboundRules rules, GuardedConnector connector, SslClientAuthenticationOptions? tls)
        : base(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectCallback = (context, cancellationToken) => connector.ConnectAsync(context.DnsEndPoint, cancellationToken),
            ConnectTimeout = rules.ConnectTimeout + rules.ConnectTimeout, // a second time for TLS
            PooledConnectionLifetime = TimeSpan.FromMinutes(2), // so that a changed address is seen, and judged
            ResponseDrainTimeout = TimeSpan.Zero,
            SslOptions = tls ?? new SslClientAuthenticationOptions(),
        }) => _rules = rules;

    /// <exception cref="StoreException">A URL is refused, there are too many redirects, or the server cannot be connected to.</exception>
    /// <exception cref="HttpRequestException">What else goes wrong on the way.</exception>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var current = request;
        try
        {
            for (var redirects = 0; ; redirects++)
            {
                Check(current.RequestUri!);
                current.Version = HttpVersion.Version11;
                current.VersionPolicy = HttpVersionPolicy.RequestVersionOrLower;
                var response = await SendOnceAsync(current, cancellationToken);
                if (NextUrl(current, response) is not { } next)
                {
                    current = request; // the last request belongs to the response now
                    return response;
                }

                var status = response.StatusCode;
                response.Dispose();
                if (redirects == _rules.MaximumRedirects)
                    throw new StoreException(StoreError.Unavailable, $"{Origin(request.RequestUri!)} redirects more than {_rules.MaximumRedirects} times.");
                if (current.RequestUri!.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps)
                    throw new StoreException(StoreError.InvalidLocation, $"{Origin(current.RequestUri)} redirects from https to {next.Scheme}, which is not followed.");
                var following = Follow(current, next, status);
                if (!ReferenceEquals(current, request))
                    current.Dispose();
                current = following;
            }
        }
        finally
        {
            if (!ReferenceEquals(current, request))
                current.Dispose();
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException exception) when (exception.InnerException is StoreException refused)
        {
            // The connector's own words, which the HTTP client has wrapped.
            throw new StoreException(refused.Error, refused.Message);
        }
    }

    private void Check(Uri url)
    {
        if (_rules.Urls.ObjectionTo(url) is { } objection)
            throw new StoreException(StoreError.InvalidLocation, $"{Origin(url)} may not be asked: {objection}.");
    }

    private static Uri? NextUrl(HttpRequestMessage request, HttpResponseMessage response)
    {
        var isRedirect = response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
            or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;
        if (!isRedirect || (request.Method != HttpMethod.Get && request.Method != HttpMethod.Head) || response.Headers.Location is not { } location)
            return null;

        // An absolute one goes on as it was written: combining would hide an address in an odd form.
        return location.IsAbsoluteUri ? location : new Uri(request.RequestUri!, location);
    }

    private static HttpRequestMessage Follow(HttpRequestMessage from, Uri to, HttpStatusCode status)
    {
        var isGet = status == HttpStatusCode.SeeOther && from.Method != HttpMethod.Head;
        var next = new HttpRequestMessage(isGet ? HttpMethod.Get : from.Method, to);
        var sameOrigin = Uri.Compare(from.RequestUri, to, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;
        foreach (var (name, values) in from.Headers)
        {
            if (sameOrigin ? !name.Equals("Host", StringComparison.OrdinalIgnoreCase) : s_sentEverywhere.Contains(name))
                next.Headers.TryAddWithoutValidation(name, values);
        }

        return next;
    }

    // Neither user nor query: both can hold a secret.
    private static string Origin(Uri url) => url.IsAbsoluteUri ? $"{url.Scheme}://{url.Authority}" : "The URL";
}
