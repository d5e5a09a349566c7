using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Swift;

/// <summary>A log-in.</summary>
/// <param name="Token">What requests carry.</param>
/// <param name="StorageUrl">The URL of the account.</param>
/// <param name="ExpiresAt">When the token ends.</param>
/// <param name="Project">The id of the account's project; null when it is not told.</param>
/// <param name="Endpoints">The same account's URLs by every interface of the region.</param>
internal sealed record SwiftLogin(string Token, Uri StorageUrl, DateTimeOffset ExpiresAt, string? Project, IReadOnlyList<string> Endpoints)
{
    /// <summary>The URL of an account, without a slash at its end.</summary>
    /// <param name="project">Whose; null for our own.</param>
    public string UrlOf(string? project)
    {
        var own = StorageUrl.AbsoluteUri.TrimEnd('/');
        if (project is null)
            return own;
        return AccountUrls.Learn(own, Project)?.UrlOf(project) ?? throw new StoreException(StoreError.Misconfigured, "The storage URL no longer ends with the account.");
    }
}

/// <summary>
/// Logs in, once for all who ask at the same time, and again before the token expires or when the server no longer takes it. A server checks
/// the token when a request begins, so a transfer that outlives its token goes on; the next request has a new one.
/// </summary>
internal sealed class SwiftSession(SwiftSettings settings, HttpClient client, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan s_margin = TimeSpan.FromMinutes(1);
    private readonly SemaphoreSlim _gate = new(1);
    private SwiftLogin? _login;

    /// <summary>A log-in that holds for another minute.</summary>
    /// <param name="refused">One that the server has just refused; null for none.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async Task<SwiftLogin> GetAsync(SwiftLogin? refused, CancellationToken cancellationToken)
    {
        if (IsGood(_login, refused))
            return _login!;
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (!IsGood(_login, refused))
                _login = settings.IsKeystone ? await LogInToKeystoneAsync(cancellationToken) : await LogInToTempAuthAsync(cancellationToken);
            return _login!;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private bool IsGood(SwiftLogin? login, SwiftLogin? refused) => login is not null && login != refused && login.ExpiresAt - s_margin > time.GetUtcNow();

    private async Task<SwiftLogin> LogInToTempAuthAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, settings.AuthUrl);
        request.Headers.TryAddWithoutValidation("X-Auth-User", settings.User);
        request.Headers.TryAddWithoutValidation("X-Auth-Key", settings.Password);
        using var response = await client.SendAsync(request, cancellationToken);
        Check(response);
        var token = Header(response, "X-Auth-Token") ?? throw Odd("names no token");
        var lifetime = long.TryParse(Header(response, "X-Auth-Token-Expires"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : 3600;
        return new SwiftLogin(token, StorageUrl(Header(response, "X-Storage-Url")), time.GetUtcNow().AddSeconds(lifetime), settings.User.Split(':')[0], []);
    }

    // https://docs.openstack.org/api-ref/identity/v3/#password-authentication-with-scoped-authorization
    private async Task<SwiftLogin> LogInToKeystoneAsync(CancellationToken cancellationToken)
    {
        var identity = settings.IsApplicationCredential
            ? new JsonObject
            {
                ["methods"] = new JsonArray("application_credential"),
                ["application_credential"] = new JsonObject { ["id"] = settings.User, ["secret"] = settings.Password },
            }
            : new JsonObject
            {
                ["methods"] = new JsonArray("password"),
                ["password"] = new JsonObject
                {
                    ["user"] = new JsonObject { ["name"] = settings.User, ["domain"] = new JsonObject { ["name"] = settings.UserDomain }, ["password"] = settings.Password },
                },
            };
        var auth = new JsonObject { ["identity"] = identity };
        if (!settings.IsApplicationCredential)
            auth["scope"] = new JsonObject { ["project"] = new JsonObject { ["name"] = settings.Project, ["domain"] = new JsonObject { ["name"] = settings.ProjectDomain } } };
        var root = settings.AuthUrl.AbsoluteUri.TrimEnd('/');
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{(root.EndsWith("/v3", StringComparison.Ordinal) ? root : root + "/v3")}/auth/tokens")
        {
            // With its length: Keystone behind uwsgi reads a chunked body as none and answers 400.
            Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["auth"] = auth })) { Headers = { ContentType = new("application/json") } },
        };
        using var response = await client.SendAsync(request, cancellationToken);
        Check(response);
        var token = Header(response, "X-Subject-Token") ?? throw Odd("names no token");
        try
        {
            var body = (await response.Content.ReadFromJsonAsync<JsonObject>(cancellationToken))?["token"] ?? throw Odd("describes no token");
            var (endpoint, all) = EndpointsIn(body);
            return new SwiftLogin(token, StorageUrl(endpoint), body["expires_at"]!.GetValue<DateTimeOffset>(), body["project"]?["id"]?.GetValue<string>(), all);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or NullReferenceException or FormatException)
        {
            throw Odd($"gave an answer that cannot be read ({exception.Message})");
        }
    }

    private (string? Chosen, IReadOnlyList<string> All) EndpointsIn(JsonNode token)
    {
        var endpoints = (token["catalog"]?.AsArray() ?? [])
            .Where(service => service!["type"]?.GetValue<string>() == "object-store")
            .SelectMany(service => service!["endpoints"]!.AsArray())
            .Where(endpoint => settings.Region is null || RegionOf(endpoint!) == settings.Region)
            .ToList();
        var chosen = endpoints.Find(endpoint => endpoint!["interface"]?.GetValue<string>() == settings.Interface);
        return (
            chosen?["url"]?.GetValue<string>(),
            [.. endpoints.Where(endpoint => chosen is not null && RegionOf(endpoint!) == RegionOf(chosen)).Select(endpoint => endpoint!["url"]?.GetValue<string>()).OfType<string>().Distinct()]);

        static string? RegionOf(JsonNode endpoint) => (endpoint["region_id"] ?? endpoint["region"])?.GetValue<string>();
    }

    private Uri StorageUrl(string? named)
    {
        if (settings.StorageUrl is { } configured)
            return configured;
        return Uri.TryCreate(named, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? url
            : throw new StoreException(
                StoreError.Misconfigured,
                $"The catalogue of {settings.AuthUrl.Authority} has no {settings.Interface} endpoint of object-store{(settings.Region is { } region ? $" in region '{region}'" : "")}; set storage_url, interface or region.");
    }

    private void Check(HttpResponseMessage response)
    {
        if (response.IsSuccessStatusCode)
            return;
        throw response.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new StoreException(
                StoreError.Misconfigured, $"{settings.AuthUrl.Authority} does not let us in ({(int)response.StatusCode}): username, password or project_name is wrong."),
            HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed => new StoreException(
                StoreError.Misconfigured, $"{settings.AuthUrl.Authority} has no log-in at auth_url ({(int)response.StatusCode}); look at it and at auth_version."),
            _ => new StoreException(StoreError.Unavailable, $"The log-in at {settings.AuthUrl.Authority} failed with {(int)response.StatusCode}."),
        };
    }

    private StoreException Odd(string what) => new(StoreError.Unexpected, $"{settings.AuthUrl.Authority} {what}.");

    private static string? Header(HttpResponseMessage response, string name) => response.Headers.TryGetValues(name, out var values) ? values.First() : null;
}
