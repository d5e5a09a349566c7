using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Http;

/// <summary>What a server said of an object when it was opened.</summary>
/// <param name="Length">Bytes; null when it does not tell.</param>
/// <param name="Ranges">Whether it answered a range with a range.</param>
/// <param name="ETag">As sent, weak or strong.</param>
/// <param name="LastModified">To the second.</param>
/// <param name="Url">Where redirects led: asked first from then on, so that a load balancer of mirrors does not mix their copies.</param>
internal sealed record HttpFacts(long? Length, bool Ranges, EntityTagHeaderValue? ETag, DateTimeOffset? LastModified, Uri Url)
{
    /// <summary>What identifies this state of the object; null when the server gives nothing.</summary>
    public string? Validator => ETag?.ToString() ?? LastModified?.ToString("R", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What a range is made conditional on: a weak tag does not promise equal bytes, and servers ignore it here (RFC 9110, 13.1.5).</summary>
    public RangeConditionHeaderValue? Condition =>
        ETag is { IsWeak: false } ? new RangeConditionHeaderValue(ETag) : LastModified is { } time ? new RangeConditionHeaderValue(time) : null;

    /// <summary>Whether another answer is of the same state.</summary>
    public bool IsSame(HttpFacts other) => Equals(ETag, other.ETag) && LastModified == other.LastModified && (Length is null || other.Length is null || Length == other.Length);
}

/// <summary>Every request to a web server, and what its failure means. All of them pass the host's connector.</summary>
internal sealed class HttpRequests : IDisposable
{
    // CDNs answer 403 to a request without a name, and to the default names of libraries.
    private static readonly ProductInfoHeaderValue s_agent = new("GlanceGateway", "0.1");

    private readonly HttpClient _client;
    private readonly HttpSettings _settings;
    private readonly TimeProvider _time;

    public HttpRequests(HttpSettings settings, IStoreContext context)
    {
        _settings = settings;
        _time = context.Time;
        _client = new HttpClient(context.Connector.CreateHttpHandler(settings.Tls)) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>A limit for the server's silence.</summary>
    public Deadline Limit(CancellationToken caller, CancellationToken other = default) => new(_settings.OperationTimeout, _time, caller, other);

    /// <summary>Asks for the first byte: the answer tells length, validator and whether ranges work, where a HEAD is often forbidden (signed URLs)
    /// and does not tell the last for sure.</summary>
    public async Task<(StoreOutcome Outcome, HttpFacts? Facts)> DescribeAsync(HttpLocation location, Deadline limit, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(location, location.Url, 0, 1, condition: null, limit, cancellationToken);
        switch (response.StatusCode)
        {
            case HttpStatusCode.OK or HttpStatusCode.PartialContent:
                return (StoreOutcome.Ok, FactsOf(response));

            // The first byte of an empty object is not there.
            case HttpStatusCode.RequestedRangeNotSatisfiable when response.Content.Headers.ContentRange?.Length == 0:
                return (StoreOutcome.Ok, FactsOf(response));
            case HttpStatusCode.NotFound or HttpStatusCode.Gone:
                return (StoreOutcome.Absent, null);
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                return (StoreOutcome.Denied, null);
            default:
                throw FaultOf(response, location);
        }
    }

    /// <summary>Asks for bytes of the very object that was opened.</summary>
    /// <param name="location">Where it is.</param>
    /// <param name="facts">What it was.</param>
    /// <param name="offset">From where on; 0 without ranges.</param>
    /// <param name="end">The first byte that is not wanted; null for the whole.</param>
    /// <param name="limit">The server's.</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <exception cref="StoreException"><see cref="StoreError.Changed"/> when it is another one now, or gone.</exception>
    public async Task<HttpResponseMessage> GetAsync(
        HttpLocation location, HttpFacts facts, long offset, long? end, Deadline limit, CancellationToken cancellationToken)
    {
        var response = await SendAsync(location, facts.Url, offset, facts.Ranges ? end : null, facts.Condition, limit, cancellationToken);
        if (!response.IsSuccessStatusCode && facts.Url != location.Url)
        {
            // What a redirect led to is often signed for some minutes only.
            response.Dispose();
            response = await SendAsync(location, location.Url, offset, facts.Ranges ? end : null, facts.Condition, limit, cancellationToken);
        }

        try
        {
            return Check(response, location, facts, offset);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>Runs a request or a read, and turns what goes wrong into faults.</summary>
    public async ValueTask<T> RunAsync<T>(HttpLocation location, Deadline limit, Func<CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreException(StoreError.TimedOut, $"{location.Url.Authority} was silent for {_settings.OperationTimeout.TotalSeconds:0.##} s.", location.Shown);
        }
        catch (HttpRequestException exception) when (exception.InnerException is AuthenticationException)
        {
            throw new StoreException(
                StoreError.Misconfigured,
                $"The certificate of {location.Url.Authority}, or of where it redirects to, is not trusted or not for this host; install its issuer or name it in ca_file.",
                location.Shown);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or System.Net.Sockets.SocketException)
        {
            var error = (exception as HttpRequestException)?.HttpRequestError ?? (exception as HttpIOException)?.HttpRequestError;
            throw new StoreException(StoreError.Unavailable, $"{location.Url.Authority} cannot be read from ({error?.ToString() ?? "the connection was lost"}).", location.Shown);
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task<HttpResponseMessage> SendAsync(
        HttpLocation location, Uri url, long offset, long? end, RangeConditionHeaderValue? condition, Deadline limit, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.UserAgent.Add(s_agent);
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        if (location.IsOriginOf(url))
            request.Headers.Authorization = location.Credentials;
        if (end is not null)
        {
            request.Headers.Range = new RangeHeaderValue(offset, end - 1);
            request.Headers.IfRange = condition;
        }

        return await RunAsync(location, limit, token => new ValueTask<HttpResponseMessage>(_client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token)), cancellationToken);
    }

    private static HttpResponseMessage Check(HttpResponseMessage response, HttpLocation location, HttpFacts facts, long offset)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.NotFound or HttpStatusCode.Gone:
                throw Changed("was deleted");
            case HttpStatusCode.RequestedRangeNotSatisfiable:
                throw Changed("became shorter");
            case HttpStatusCode.PreconditionFailed:
                throw Changed("was replaced");
            case HttpStatusCode.OK or HttpStatusCode.PartialContent when !facts.IsSame(FactsOf(response)):
                throw Changed("was replaced");
            case HttpStatusCode.OK when facts.Ranges:
                throw Changed("is no longer sent in ranges: it was probably replaced");
            case HttpStatusCode.PartialContent when !facts.Ranges || response.Content.Headers.ContentRange?.From != offset:
                throw new StoreException(StoreError.Corrupt, $"{location.Url.Authority} sent another range than it was asked for.", location.Shown);
            case HttpStatusCode.OK or HttpStatusCode.PartialContent:
                return response;
            default:
                throw FaultOf(response, location);
        }

        StoreException Changed(string what) => new(StoreError.Changed, $"The object {what} after it was opened.", location.Shown);
    }

    private static HttpFacts FactsOf(HttpResponseMessage response)
    {
        var content = response.Content.Headers;
        var ranged = response.StatusCode == HttpStatusCode.PartialContent && content.ContentRange?.Length is not null;
        return new HttpFacts(
            ranged || response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable ? content.ContentRange!.Length : response.StatusCode == HttpStatusCode.OK ? content.ContentLength : null,
            ranged,
            response.Headers.ETag,
            content.LastModified,
            response.RequestMessage!.RequestUri!);
    }

    private static StoreException FaultOf(HttpResponseMessage response, HttpLocation location)
    {
        var status = (int)response.StatusCode;
        var error = status is 408 or 429 or >= 500 ? StoreError.Unavailable : StoreError.Unexpected;
        return new StoreException(error, $"{location.Url.Authority} answered {status}.", location.Shown);
    }
}
