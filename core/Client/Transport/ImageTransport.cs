using System.Net;
using System.Net.Http.Headers;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Client;

// One request, over as many endpoints and attempts as it takes.
//
// * An endpoint that cannot be reached, is silent or says "not now" costs nothing but time: the next endpoint is asked at once, and when none is left the
//   request waits with growing, scattered pauses until its patience ends. Nothing here changes anything at the endpoint, so everything may be repeated.
// * An endpoint that answers 500 is asked a few times only: the image may be broken there, and patience mends nothing.
// * 401 means that the token ended early (revoked, Keystone's keys changed): one new log-in per request, then it is the log-in that is wrong.
// * Any other answer is the caller's to judge.
// * A request without patience asks each endpoint whose circuit is not open once.
// * A read that somebody waits for is asked of a second endpoint when the first is late; see Hedging.

/// <summary>Sends requests to whichever endpoint answers.</summary>
internal sealed partial class ImageTransport(HttpClient http, ILogin login, ClientOptions options, TimeProvider time, ILogger logger)
{
    private readonly EndpointSet _endpoints = new(options, time, logger);

    private readonly Hedging _hedging = new(options);

    internal IReadOnlyList<EndpointHealth> Health => _endpoints.Health;

    internal HedgeCounts Hedges => _hedging.Counts;

    internal ClientOptions Options => options;

    internal TimeProvider Time => time;

    internal ILogger Logger => logger;

    /// <summary>Asks for a resource.</summary>
    /// <param name="path">Below the endpoint's root, without a leading slash.</param>
    /// <param name="range">Bytes that are wanted; null for all.</param>
    /// <param name="mayHedge">Whether a second endpoint may be asked as well when the first is late; for a range only.</param>
    /// <param name="patience">How long it is tried.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The answer once its head is there: the caller's to dispose. Not 401, 408, 429, 500, 502, 503 or 504.</returns>
    /// <exception cref="StoreException">There is no answer within the patience, or the log-in is refused.</exception>
    internal async Task<HttpResponseMessage> GetAsync(string path, RangeHeaderValue? range, bool mayHedge, TimeSpan patience, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        var (attempt, errors, hasLoggedInAnew) = (0, 0, false);
        var problem = "no endpoint could be asked";
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            LoginSession session;
            try
            {
                session = await login.GetAsync(cancellationToken);
            }
            catch (StoreException fault) when (fault.Error is StoreError.Unavailable or StoreError.TimedOut && MayWait(begun, patience))
            {
                problem = fault.Message;
                await PauseAsync(attempt++, TimeSpan.Zero, begun, patience, cancellationToken);
                continue;
            }

            _endpoints.Use(session.Endpoints);
            if (_endpoints.TryTake(out var wait) is not { } endpoint)
            {
                if (!MayWait(begun, patience))
                    throw Unavailable(problem);
                await PauseAsync(attempt++, wait, begun, patience, cancellationToken);
                continue;
            }

            HttpResponseMessage? answer = null;
            try
            {
                if (mayHedge && _hedging.IsOn && _endpoints.Other(endpoint) is not null)
                    (endpoint, answer) = await SendHedgedAsync(endpoint, path, range, session, cancellationToken);
                else
                    answer = await SendAsync(endpoint, path, range, session, cancellationToken);
                switch (answer.StatusCode)
                {
                    case HttpStatusCode.Unauthorized:
                        endpoint.Succeed();
                        if (hasLoggedInAnew || !login.Forget(session))
                            throw new StoreException(StoreError.Misconfigured, $"{endpoint.Root} refuses the log-in (401); check who logs in, and whether the endpoint trusts that Keystone.");
                        hasLoggedInAnew = true;
                        answer.Dispose();
                        continue;
                    case HttpStatusCode.InternalServerError:
                        endpoint.Succeed();
                        problem = $"{endpoint.Root} answers 500";
                        if (++errors >= options.Attempts || !MayWait(begun, patience))
                            throw new StoreException(StoreError.Unavailable, $"{problem} to GET {path}.");
                        break;
                    case HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway
                        or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout:
                        problem = $"{endpoint.Root} answers {(int)answer.StatusCode}";
                        endpoint.Fail(problem, answer.Headers.RetryAfter?.Delta);
                        break;
                    case HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect:
                        endpoint.Succeed();
                        throw new StoreException(StoreError.Misconfigured, $"{endpoint.Root} redirects ({(int)answer.StatusCode}); give the address it redirects to.");
                    default:
                        endpoint.Succeed();
                        var result = answer;
                        answer = null;
                        return result;
                }
            }
            catch (Exception fault) when (fault is HttpRequestException or IOException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                problem = $"{endpoint.Root}: {ClientHttp.Describe(fault)}";
                endpoint.Fail(problem, retryAfter: null);
            }
            finally
            {
                endpoint.Abstain();
                answer?.Dispose();
            }

            if (_endpoints.TurnFrom(endpoint))
                continue;
            if (!MayWait(begun, patience))
                throw Unavailable(problem);
            await PauseAsync(attempt++, TimeSpan.Zero, begun, patience, cancellationToken);
        }
    }

    /// <summary>The wait before an attempt: doubled each time, bounded, scattered.</summary>
    internal TimeSpan DelayOf(int attempt)
    {
        var delay = options.RetryDelay * Math.Pow(2, Math.Min(attempt, 16));
        return (delay < options.LongestRetryDelay ? delay : options.LongestRetryDelay) * (0.5 + Random.Shared.NextDouble());
    }

    private static StoreException Unavailable(string problem) => new(StoreError.Unavailable, $"No endpoint answers: {problem}.");

    private bool MayWait(long begun, TimeSpan patience) => time.GetElapsedTime(begun) < patience;

    private async Task PauseAsync(int attempt, TimeSpan wait, long begun, TimeSpan patience, CancellationToken cancellationToken)
    {
        ClientMetrics.CountRetry();
        var delay = DelayOf(attempt);
        delay = delay > wait ? delay : wait;
        var left = patience - time.GetElapsedTime(begun);
        await Task.Delay(delay < left ? delay : left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendAsync(Endpoint endpoint, string path, RangeHeaderValue? range, LoginSession session, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(endpoint.Root, path));
        request.Headers.Range = range;
        if (session.Token is { } token)
            request.Headers.TryAddWithoutValidation("X-Auth-Token", token);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.AnswerTimeout);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
    }
}
