using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using GlanceGateway.Images;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Api;

/// <summary>
/// Certificates that OpenStack's key manager keeps as secrets. It is found in the catalogue of the gateway's own token, and asked as the caller
/// whose request needs the certificate; for an import that another gateway began, whose user's token nobody has, as the gateway's own user.
/// </summary>
public sealed class BarbicanCertificates : ICertificateSource, IDisposable
{
    private static readonly TimeSpan believed = TimeSpan.FromMinutes(10);

    private readonly KeystoneHttp http;
    private readonly KeystoneOptions options;
    private readonly string? region;
    private readonly string face;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly string root;
    private readonly ServiceSession session;
    private (string Root, DateTimeOffset Until)? place;

    /// <summary>Asks nothing yet.</summary>
    /// <param name="options">The identity service. Its authorities are those of the key manager as well.</param>
    /// <param name="region">The region of the key manager; null for the first that the catalogue names.</param>
    /// <param name="face">Which endpoint: <c>public</c>, <c>internal</c> or <c>admin</c>.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where lines go.</param>
    public BarbicanCertificates(KeystoneOptions options, string? region, string face, TimeProvider time, ILogger logger)
    {
        (this.options, this.region, this.face, this.time, this.logger) = (options, region, face, time, logger);
        http = new KeystoneHttp(options);
        root = KeystoneClient.RootOf(options);
        session = new ServiceSession(http, new Uri($"{root}/auth/tokens?nocatalog"), options, options.Credential.Request(), time, logger);
    }

    /// <inheritdoc/>
    public async ValueTask<byte[]?> FindAsync(string id, Caller caller, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await AskAsync(id, caller, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Unavailable($"no answer within {options.Timeout.TotalSeconds:0.#} s", e);
        }
        catch (KeystoneFault fault)
        {
            throw Unavailable(fault.Message, fault);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        session.Dispose();
        http.Dispose();
    }

    private async Task<byte[]?> AskAsync(string id, Caller caller, CancellationToken cancellationToken)
    {
        var manager = await FindManagerAsync(cancellationToken);
        string? asType = null;
        for (var mayRenew = true; ;)
        {
            var own = caller.IdentityToken is null ? await session.GetAsync(cancellationToken) : null;
            using var response = await SendAsync(new Uri($"{manager}/secrets/{id}/payload"), own ?? caller.IdentityToken!, asType ?? "application/octet-stream", cancellationToken);
            switch (response.StatusCode)
            {
                case HttpStatusCode.OK:
                    var payload = await response.Content.ReadAsByteArrayAsync(cancellationToken);
                    return payload.Length <= ICertificateSource.MostBytes ? payload : [];

                // A certificate that was stored as text is not handed out as anything else.
                case HttpStatusCode.NotAcceptable when asType is null:
                    asType = "text/plain";
                    continue;
                case HttpStatusCode.Unauthorized when own is not null && mayRenew:
                    mayRenew = false;
                    session.Drop(own);
                    continue;
                case HttpStatusCode.NotFound or HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized or HttpStatusCode.NotAcceptable:
                    return null;
                default:
                    throw KeystoneFault.Unexpected(response);
            }
        }
    }

    private async Task<string> FindManagerAsync(CancellationToken cancellationToken)
    {
        if (place is { } known && known.Until > time.GetUtcNow())
            return known.Root;
        var own = await session.GetAsync(cancellationToken);
        using var response = await SendAsync(new Uri($"{root}/auth/catalog"), own, "application/json", cancellationToken);
        if (response.StatusCode == HttpStatusCode.Unauthorized)
            session.Drop(own);
        if (response.StatusCode != HttpStatusCode.OK)
            throw KeystoneFault.Unexpected(response);
        var found = RootIn(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        place = (found, time.GetUtcNow() + believed);
        return found;
    }

    private string RootIn(byte[] json)
    {
        try
        {
            var url = JsonSerializer.Deserialize(json, KeystoneJson.Default.CatalogAnswer)?.Catalog?
                .Where(service => service.Type == "key-manager")
                .SelectMany(service => service.Endpoints ?? [])
                .FirstOrDefault(endpoint => endpoint.Interface == face && (region is null || endpoint.RegionId == region))?.Url?.TrimEnd('/');
            if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
                throw new KeystoneFault("its catalogue names no key manager", isDown: false);
            return url.EndsWith("/v1", StringComparison.Ordinal) ? url : $"{url}/v1";
        }
        catch (JsonException e)
        {
            throw new KeystoneFault("its catalogue is not the JSON that it should be", isDown: false, e);
        }
    }

    private Task<HttpResponseMessage> SendAsync(Uri uri, string token, string type, CancellationToken cancellationToken) => http.SendAsync(
        () =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, uri) { Headers = { { "X-Auth-Token", token } } };
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
            return request;
        },
        cancellationToken);

    private ImageException Unavailable(string reason, Exception fault)
    {
        Log.CertificateNotFound(logger, reason);
        return new ImageException(ImageError.Unavailable, "The certificate of the signature cannot be had for now.", fault);
    }
}
