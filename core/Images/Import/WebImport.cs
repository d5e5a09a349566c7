using System.Net;
using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// <c>web-download</c>: the gateway fetches a URL that the client names.
/// </summary>
/// <remarks>
/// A client must not reach by it what only the gateway can reach. So a URL is judged by the operator's rules when it is asked for, as far as
/// it can be without asking anybody, and every connection and redirect is judged by <see cref="GuardedConnector"/> when it is fetched. No
/// credential is sent. Whatever goes wrong, the client is told the same: which addresses and ports answer inside is nobody's business; the
/// log says more. A URL with a user or password is refused, because it would stand in the record of the task.
/// </remarks>
internal sealed class WebImport : IImportFetch, IDisposable
{
    private readonly OutboundRules rules;
    private readonly TimeSpan patience;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly HttpClient client;

    /// <param name="rules">What may be connected to.</param>
    /// <param name="patience">How long an answer may take to begin.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Says what went wrong.</param>
    public WebImport(OutboundRules rules, TimeSpan patience, TimeProvider time, ILogger log)
    {
        this.rules = rules;
        this.patience = patience;
        this.time = time;
        this.log = log;

        // The body has the pipeline's own limit: a slow sender is fine, a silent one is not.
        client = new HttpClient(new GuardedConnector(rules, time).CreateHttpHandler(tls: null)) { Timeout = Timeout.InfiniteTimeSpan };
    }

    public string Name => ImportMethodNames.WebDownload;

    public ImageStatus From => ImageStatus.Queued;

    public PolicyAction Action => PolicyAction.ModifyImage;

    public string WrongStatus => "Image needs to be in 'queued' state to use 'web-download' method";

    public void Check(JsonElement method) => UrlOf(method);

    public async Task<FetchedData> FetchAsync(Image image, JsonElement method, Caller? asker, CancellationToken cancellationToken)
    {
        var url = UrlOf(method);
        HttpResponseMessage? answer = null;
        try
        {
            using var limit = new CancellationTokenSource(patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
            answer = await client.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                throw new HttpRequestException($"The server answered {(int)answer.StatusCode}.");
            }

            return new FetchedData(
                new FetchStream(await answer.Content.ReadAsStreamAsync(cancellationToken), failure => Failed(image, url, failure)), answer.Content.Headers.ContentLength, answer);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            answer?.Dispose();
            throw Failed(image, url, failure);
        }
    }

    public void Dispose() => client.Dispose();

    private Uri UrlOf(JsonElement method)
    {
        var text = method.TryGetProperty("uri", out var uri) && uri.ValueKind == JsonValueKind.String ? uri.GetString() : null;
        return Uri.TryCreate(text, UriKind.Absolute, out var url)
            && url.UserInfo.Length == 0
            && rules.Urls.ObjectionTo(url) is null
            && (!IPAddress.TryParse(url.DnsSafeHost, out var address) || new AddressRules(rules.AllowedNetworks).ObjectionTo(address) is null)
                ? url
                : throw new ImageException(ImageError.Invalid, $"URI for web-download does not pass filtering: {text ?? "None"}");
    }

    private ImageException Failed(Image image, Uri url, Exception failure)
    {
        // Neither path nor query: both can hold a secret.
        ImageLog.FetchFailed(log, image.Id, $"{url.Scheme}://{url.Authority}", failure is StoreException ? failure.Message : $"{failure.GetType().Name}: {failure.Message}");
        return new ImageException(ImageError.Unavailable, "The data could not be fetched from the URL.");
    }
}
