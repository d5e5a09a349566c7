using System.Diagnostics.Metrics;

namespace GlanceGateway.Client;

/// <summary>All metrics of the client beside those that .NET's HTTP client has itself (<c>http.client.request.duration</c> by address and status).</summary>
internal static class ClientMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "GlanceGateway.Client";

    private static readonly Meter s_meter = new(MeterName);

    private static readonly Counter<long> s_faults = s_meter.CreateCounter<long>(
        "glance_gateway.client.faults", "{request}", "Requests that an endpoint did not answer, or with 'not now', by endpoint.");

    private static readonly Counter<long> s_retries = s_meter.CreateCounter<long>(
        "glance_gateway.client.retries", "{request}", "Requests that were made again, after a pause.");

    private static readonly Counter<long> s_hedges = s_meter.CreateCounter<long>(
        "glance_gateway.client.hedges", "{request}", "Reads that were asked of a second endpoint because the first was late, by who answered first: 'won' is the second.");

    public static void CountHedge(bool won) => s_hedges.Add(1, new KeyValuePair<string, object?>("outcome", won ? "won" : "lost"));

    public static void CountFault(Uri endpoint) => s_faults.Add(1, new KeyValuePair<string, object?>("endpoint", endpoint.GetLeftPart(UriPartial.Path)));

    public static void CountRetry() => s_retries.Add(1);
}
