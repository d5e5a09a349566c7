using GlanceGateway.Images;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>
/// Believes tokens that Keystone confirms, by the rules of OpenStack's token middleware: a request is identified once, at its start, so a token
/// may expire while it carries a transfer. A service that passes a request on adds a token of its own; with the role <c>service</c> the user's
/// token may have expired by then, and its access rules, which are about what the user asks for directly, do not count.
/// </summary>
internal sealed class KeystoneCallers(KeystoneOptions options, TimeProvider time, ILogger logger) : ICallerSource, IDisposable
{
    private const string ServiceRole = "service";

    private readonly KeystoneTokens tokens = new(options, time, logger);

    public string? Challenge { get; } = $"Keystone uri=\"{(options.PublicAuthUrl ?? options.AuthUrl).AbsoluteUri.TrimEnd('/')}\"";

    public async ValueTask<Caller?> IdentifyAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var headers = http.Request.Headers;
        IdentityHeaders.Remove(headers);
        try
        {
            var user = headers["X-Auth-Token"] is { Count: > 0 } usual ? usual : headers["X-Storage-Token"];
            if (user is not [{ Length: > 0 } token])
                return null;
            var service = await FindServiceAsync(http, cancellationToken);
            var isService = service?.Roles.Contains(ServiceRole) == true;
            if (await tokens.FindAsync(token, allowExpired: isService, cancellationToken) is not { } facts)
                return null;
            if (facts.Rules is { } rules && !isService && !rules.Allow(http.Request.Method, RequestPath.Raw(http)))
            {
                Log.AgainstAccessRules(logger, http.TraceIdentifier, http.Request.Method, RequestPath.Raw(http));
                return null;
            }
            var caller = facts.Caller.WithToken(token);
            return service is null ? caller : caller.Through(service);
        }
        catch (KeystoneFault fault)
        {
            throw new ApiException(503, "The Keystone service is temporarily unavailable.", fault);
        }
    }

    public void Dispose() => tokens.Dispose();

    /// <summary>The service that passes the request on. A token that says nothing credible is as none: the user's own decides.</summary>
    private async ValueTask<Caller?> FindServiceAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var header = http.Request.Headers["X-Service-Token"];
        if (header.Count == 0)
            return null;
        // One with access rules is restricted to requests that it makes for itself.
        if (header is [{ Length: > 0 } token] && await tokens.FindAsync(token, allowExpired: false, cancellationToken) is { Rules: null } facts)
            return facts.Caller;
        Log.BadServiceToken(logger, http.TraceIdentifier);
        return null;
    }
}
