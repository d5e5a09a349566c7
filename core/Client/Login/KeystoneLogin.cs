using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Client;

/// <summary>
/// Logs in at a Keystone v3 and finds the image endpoint in its catalogue. One log-in at a time; a token is renewed before it ends, and one that is still
/// valid is used on while Keystone is away.
/// </summary>
public sealed class KeystoneLogin : ILogin, IDisposable
{
    /// <summary>A token is renewed when a tenth of its life is left, and five minutes before its end at the latest.</summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan s_renewalRetry = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _gate = new(1);
    private readonly KeystoneSettings _settings;
    private readonly HttpClient _http;
    private readonly ClientOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private volatile Held? _held;

    /// <summary>Makes it; nothing is asked yet.</summary>
    /// <param name="settings">Where and as whom.</param>
    /// <param name="http">Of <see cref="ClientHttp.Create"/>; stays the caller's.</param>
    /// <param name="options">Time limits.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Hears of log-ins.</param>
    public KeystoneLogin(KeystoneSettings settings, HttpClient http, ClientOptions options, TimeProvider time, ILogger logger) =>
        (_settings, _http, _options, _time, _logger) = (settings, http, options, time, logger);

    /// <inheritdoc/>
    public async ValueTask<LoginSession> GetAsync(CancellationToken cancellationToken)
    {
        if (_held is { } fresh && _time.GetUtcNow() < fresh.RenewAt)
            return fresh.Session;
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var held = _held;
            if (held is not null && _time.GetUtcNow() < held.RenewAt)
                return held.Session;
            try
            {
                var made = await LogInAsync(cancellationToken);
                _held = made;
                return made.Session;
            }
            catch (StoreException fault) when (held is not null && _time.GetUtcNow() < held.Expires)
            {
                _logger.RenewalFailed(_settings.AuthUrl, held.Expires, fault.Message);
                _held = held with { RenewAt = _time.GetUtcNow() + s_renewalRetry };
                return held.Session;
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public bool Forget(LoginSession session)
    {
        // Somebody else may have renewed it meanwhile.
        if (_held is { } held && held.Session == session)
            _held = null;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private async Task<Held> LogInAsync(CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, new Uri($"{_settings.AuthUrl.ToString().TrimEnd('/')}/auth/tokens"))
        {
            // Of known length: uwsgi takes no chunked bodies.
            Content = new StringContent(_settings.Credential.ToBody(), Encoding.UTF8, "application/json"),
        };
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_options.AnswerTimeout);
        try
        {
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            if (answer.StatusCode is not (HttpStatusCode.Created or HttpStatusCode.OK))
                throw Refusal(answer.StatusCode);
            if (!answer.Headers.TryGetValues("X-Subject-Token", out var tokens))
                throw new StoreException(StoreError.Misconfigured, $"{_settings.AuthUrl} gave no token; is it a Keystone v3?");
            await using var body = await answer.Content.ReadAsStreamAsync(deadline.Token);
            using var json = await ImageJson.ReadAsync(body, deadline.Token);
            return Hold(tokens.First(), json.RootElement);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new StoreException(StoreError.Unavailable, $"Keystone at {_settings.AuthUrl} does not answer: {ClientHttp.Describe(fault)}");
        }
    }

    private StoreException Refusal(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => new(StoreError.Misconfigured, $"Keystone at {_settings.AuthUrl} refuses {_settings.Credential.Who} (401); check name, domain, project and secret."),
        HttpStatusCode.NotFound => new(StoreError.Misconfigured, $"There is no Keystone v3 at {_settings.AuthUrl} (404); auth_url should look like https://host:5000/v3."),
        >= HttpStatusCode.InternalServerError or HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout =>
            new(StoreError.Unavailable, $"Keystone at {_settings.AuthUrl} answers {(int)status}."),
        _ => new(StoreError.Misconfigured, $"Keystone at {_settings.AuthUrl} answers {(int)status} to the log-in of {_settings.Credential.Who}."),
    };

    private Held Hold(string token, JsonElement answer)
    {
        var now = _time.GetUtcNow();
        var expires = now + TimeSpan.FromHours(1);
        IReadOnlyList<Uri> endpoints = _settings.Endpoints;
        if (answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("token", out var content))
        {
            if (DateTimeOffset.TryParse(ImageJson.Text(content, "expires_at"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var told))
                expires = told;
            if (endpoints.Count == 0)
                endpoints = ServiceCatalog.ImageEndpoints(content, _settings.Region, _settings.Interface);
        }

        if (endpoints.Count == 0)
        {
            throw new StoreException(
                StoreError.Misconfigured,
                $"The catalogue of {_settings.AuthUrl} has no {_settings.Interface} endpoint of type image{(_settings.Region is { } region ? $" in region {region}" : "")}; name the endpoint, or another region or interface.");
        }

        _logger.LoggedIn(_settings.AuthUrl, expires);
        var life = expires - now;
        var margin = life / 10 < s_margin ? life / 10 : s_margin;
        return new Held(new LoginSession(token, [.. endpoints.Select(LoginSession.RootOf).Distinct()]), expires, expires - margin);
    }

    private sealed record Held(LoginSession Session, DateTimeOffset Expires, DateTimeOffset RenewAt);
}
