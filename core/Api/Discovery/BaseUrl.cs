using System.Net;
using Microsoft.AspNetCore.Http;

namespace GlanceGateway.Api;

/// <summary>The URL under which a client reaches the gateway, without a slash at its end.</summary>
internal static class BaseUrl
{
    /// <summary>The configured one, else what the request was sent to.</summary>
    public static string Of(HttpContext http, ApiOptions options)
    {
        if (options.PublicEndpoint is { } configured)
            return configured.AbsoluteUri.TrimEnd('/');
        var host = http.Request.Host;
        if (host.HasValue)
            return $"{http.Request.Scheme}://{host.ToUriComponent()}";
        // Only HTTP/1.0 may come without a Host.
        var local = new IPEndPoint(http.Connection.LocalIpAddress ?? IPAddress.Loopback, http.Connection.LocalPort);
        return $"{http.Request.Scheme}://{local}";
    }
}
