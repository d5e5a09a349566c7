using System.Net;
using GlanceGateway.Images;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>Asks Keystone whose a token is (<c>GET /v3/auth/tokens</c>). Every question ends within the time-out.</summary>
internal sealed class KeystoneClient : IDisposable
{
    private readonly KeystoneHttp http;
    private readonly Uri tokens;
    private readonly KeystoneOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly ServiceSession session;
    private readonly ReachState reach;

    public KeystoneClient(KeystoneOptions options, TimeProvider time, ILogger logger)
    {
        (this.options, this.time, this.logger) = (options, time, logger);
        http = new KeystoneHttp(options);
        tokens = new Uri($"{RootOf(options)}/auth/tokens?nocatalog");
        session = new ServiceSession(http, tokens, options, options.Credential.Request(), time, logger);
        reach = new ReachState(options.AuthUrl, logger);
    }

    /// <summary>Where version 3 of the service begins, without a slash at its end.</summary>
    public static string RootOf(KeystoneOptions options)
    {
        var root = options.AuthUrl.AbsoluteUri.TrimEnd('/');
        return root.EndsWith("/v3", StringComparison.Ordinal) ? root : $"{root}/v3";
    }

    /// <summary>What a token stands for.</summary>
    /// <param name="token">The token: visible ASCII.</param>
    /// <param name="allowExpired">Whether one that has expired will do.</param>
    /// <returns>Null for a token that is not valid.</returns>
    /// <exception cref="KeystoneFault">Keystone does not say.</exception>
    public async Task<TokenFacts?> CheckAsync(string token, bool allowExpired)
    {
        using var visit = reach.Enter();
        using var limit = new CancellationTokenSource(options.Timeout, time);
        try
        {
            var facts = await CheckAsync(token, allowExpired, limit.Token);
            visit.Succeeded();
            return facts;
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested)
        {
            var fault = new KeystoneFault($"no answer within {options.Timeout.TotalSeconds:0.#} s", isDown: true, e);
            visit.Failed(fault);
            throw fault;
        }
        catch (KeystoneFault fault)
        {
            visit.Failed(fault);
            throw;
        }
    }

    public void Dispose()
    {
        session.Dispose();
        http.Dispose();
    }

    private async Task<TokenFacts?> CheckAsync(string token, bool allowExpired, CancellationToken cancellationToken)
    {
        for (var mayRenew = true; ; mayRenew = false)
        {
            var own = await session.GetAsync(cancellationToken);
            using var response = await AskAsync(token, own, allowExpired, cancellationToken);
            switch (response.StatusCode)
            {
                case HttpStatusCode.OK:
                    var (facts, expiresAt) = await KeystoneFault.ReadAsync(response, cancellationToken);
                    return Facts(facts, expiresAt);
                case HttpStatusCode.NotFound:
                    return null;
                case HttpStatusCode.Unauthorized when mayRenew:
                    session.Drop(own);
                    continue;
                case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                    Log.CheckingRefused(logger, options.AuthUrl, options.Credential.ToString(), (int)response.StatusCode);
                    throw new KeystoneFault("it does not let the gateway check tokens", isDown: false);
                default:
                    throw KeystoneFault.Unexpected(response);
            }
        }
    }

    private Task<HttpResponseMessage> AskAsync(string token, string own, bool allowExpired, CancellationToken cancellationToken) =>
        http.SendAsync(
            () => new HttpRequestMessage(HttpMethod.Get, allowExpired ? new Uri($"{tokens}&allow_expired=1") : tokens)
            {
                Headers =
                {
                    { "X-Auth-Token", own },
                    { "X-Subject-Token", token },
                    // Without it Keystone knows no token that has access rules: the asker might not keep to them.
                    { "OpenStack-Identity-Access-Rules", "1.0" },
                },
            },
            cancellationToken);

    private static TokenFacts Facts(TokenBody token, DateTimeOffset expiresAt) => new(
        new Caller(token.Project?.Id, token.User?.Id, (token.Roles ?? []).Select(r => r.Name ?? ""))
        {
            DomainId = token.Domain?.Id,
            SystemScope = token.System is null ? null : "all",
        },
        expiresAt,
        token.ApplicationCredential?.AccessRules is { } rules ? new AccessRules(rules) : null);
}
