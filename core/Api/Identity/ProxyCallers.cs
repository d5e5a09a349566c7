using System.Net;
using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>Believes identity headers, but only from proxies that the operator trusts.</summary>
internal sealed class ProxyCallers(IReadOnlyList<IPNetwork> trusted, ILogger logger) : ICallerSource
{
    public string? Challenge => null;

    public ValueTask<Caller?> IdentifyAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var address = http.Connection.RemoteIpAddress;
        if (!IsTrusted(address))
        {
            if (IdentityHeaders.Remove(http.Request.Headers))
                Log.Untrusted(logger, http.TraceIdentifier, address?.ToString() ?? "unknown");
            return ValueTask.FromResult<Caller?>(null);
        }
        return ValueTask.FromResult(IdentityHeaders.Read(http.Request.Headers));
    }

    internal bool IsTrusted(IPAddress? address)
    {
        if (address is null)
            return false;
        // A dual-stack socket shows an IPv4 peer in its IPv6 form.
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return trusted.Any(n => n.Contains(plain));
    }
}
