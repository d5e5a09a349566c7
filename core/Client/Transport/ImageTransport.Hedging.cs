using System.Net;
using System.Net.Http.Headers;

namespace GlanceGateway.Client;

/// <summary>Asking a second endpoint when the first is late.</summary>
internal sealed partial class ImageTransport
{
    /// <summary>Asks an endpoint, and another one as well when it is late.</summary>
    /// <returns>Who answered, and what. A second endpoint only with the bytes: whatever else it says, the first one is waited for.</returns>
    private async Task<(Endpoint By, HttpResponseMessage Answer)> SendHedgedAsync(
        Endpoint endpoint, string path, RangeHeaderValue? range, LoginSession session, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        _hedging.Earn();
        using var overtaken = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var first = SendAsync(endpoint, path, range, session, overtaken.Token);
        try
        {
            Endpoint? other;
            do
            {
                try
                {
                    var answer = await first.WaitAsync(_hedging.Late, time, CancellationToken.None);
                    _endpoints.Keep(endpoint);
                    return (endpoint, answer);
                }
                catch (TimeoutException) when (!first.IsCompleted)
                {
                    // It is late.
                }

                other = _endpoints.Other(endpoint);
            }
            while (other is null || !_hedging.TrySpend());

            if (await OvertakeAsync(first, other, path, range, session, cancellationToken) is { } winner)
            {
                await overtaken.CancelAsync();
                Drop(first);
                endpoint.Abstain();
                _endpoints.Overtake(endpoint, winner.By);
                return winner;
            }

            return (endpoint, await first);
        }
        finally
        {
            _hedging.Record(time.GetElapsedTime(begun));
        }
    }

    /// <summary>Asks the other endpoint beside a request that is late.</summary>
    /// <returns>Its answer, unless the first one came before, or it has none.</returns>
    private async Task<(Endpoint By, HttpResponseMessage Answer)?> OvertakeAsync(
        Task first, Endpoint other, string path, RangeHeaderValue? range, LoginSession session, CancellationToken cancellationToken)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var second = SendAsync(other, path, range, session, late.Token);
        if (await Task.WhenAny(first, second) == first)
        {
            await late.CancelAsync();
            Drop(second);
            ClientMetrics.CountHedge(won: false);
            return null;
        }

        try
        {
            var answer = await second;
            if (answer.StatusCode == HttpStatusCode.PartialContent)
            {
                _hedging.Win();
                ClientMetrics.CountHedge(won: true);
                return (other, answer);
            }

            using (answer)
            {
                if (answer.StatusCode is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout)
                    other.Fail($"{other.Root} answers {(int)answer.StatusCode}", answer.Headers.RetryAfter?.Delta);
            }
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            other.Fail($"{other.Root}: {ClientHttp.Describe(fault)}", retryAfter: null);
        }

        ClientMetrics.CountHedge(won: false);
        return null;
    }

    /// <summary>Lets go of a request that was cancelled, whatever it still comes to.</summary>
    private static void Drop(Task<HttpResponseMessage> request) => _ = request.ContinueWith(
        static ended =>
        {
            if (ended.IsCompletedSuccessfully)
                ended.Result.Dispose();
            else
                _ = ended.Exception;
        },
        CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
