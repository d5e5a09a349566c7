using System.Net;
using System.Text.Json;
using GlanceGateway.Images;

namespace GlanceGateway.Api;

/// <summary>
/// The image services that Keystone's catalogue names for regions, as the caller's own token shows it. Their addresses are the operator's, as
/// Keystone's own is: they may be private ones, and <c>outbound</c> does not judge them. The caller's token is sent to them and nowhere else.
/// </summary>
public sealed class KeystoneRegions : IImageRegions, IDisposable
{
    private readonly KeystoneHttp http;
    private readonly Uri catalog;

    /// <summary>Asks nothing yet.</summary>
    /// <param name="options">The identity service. Its authorities are those of the image services as well.</param>
    public KeystoneRegions(KeystoneOptions options)
    {
        http = new KeystoneHttp(options);
        catalog = new Uri($"{KeystoneClient.RootOf(options)}/auth/catalog");
    }

    /// <inheritdoc/>
    public async Task<Uri?> FindAsync(Caller caller, string region, string face, CancellationToken cancellationToken)
    {
        using var answer = await GetAsync(caller, catalog, cancellationToken);
        if (answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            throw new ImageException(ImageError.Unavailable, "The token of the request has ended before the import came to its turn, or may not be used for it.");
        }

        try
        {
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                await answer.Content.LoadIntoBufferAsync(KeystoneHttp.LargestAnswer, cancellationToken);
                return RootIn(await answer.Content.ReadAsByteArrayAsync(cancellationToken), region, face);
            }
        }
        catch (Exception fault) when (fault is JsonException or HttpRequestException)
        {
            throw new ImageException(ImageError.Unavailable, "The catalogue of services cannot be read.", fault);
        }

        throw new ImageException(ImageError.Unavailable, $"The identity service answers with status {(int)answer.StatusCode} when it is asked for the catalogue of services.");
    }

    /// <inheritdoc/>
    public async Task<HttpResponseMessage> GetAsync(Caller caller, Uri address, CancellationToken cancellationToken)
    {
        var token = caller.IdentityToken ?? throw new InvalidOperationException("Nobody but a caller with a token is known in other regions.");
        try
        {
            return await http.SendAsync(
                () => new HttpRequestMessage(HttpMethod.Get, address) { Headers = { { "X-Auth-Token", token } } },
                cancellationToken,
                HttpCompletionOption.ResponseHeadersRead);
        }
        catch (KeystoneFault fault)
        {
            throw new ImageException(ImageError.Unavailable, $"{address.GetLeftPart(UriPartial.Authority)} cannot be reached.", fault);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private static Uri? RootIn(byte[] json, string region, string face)
    {
        var url = JsonSerializer.Deserialize(json, KeystoneJson.Default.CatalogAnswer)?.Catalog?
            .Where(service => service.Type == "image")
            .SelectMany(service => service.Endpoints ?? [])
            .FirstOrDefault(endpoint => endpoint.Interface == face && endpoint.RegionId == region)?.Url?.TrimEnd('/');
        // Some catalogues name the version as well.
        url = url?.EndsWith("/v2", StringComparison.Ordinal) == true ? url[..^"/v2".Length] : url;
        return Uri.TryCreate($"{url}/", UriKind.Absolute, out var root) && root.Scheme is "http" or "https" ? root : null;
    }
}
