using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace GlanceGateway.Stores;

/// <summary>All metrics of the stores. The number of operations is the count of their durations.</summary>
internal static class StoreMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "GlanceGateway.Stores";

    private static readonly Meter Meter = new(MeterName);

    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "glance_gateway.store.operation.duration",
        "s",
        "Calls to a store's driver by store, operation and outcome (ok, absent, duplicate, …, cancelled, or the kind of fault).");

    private static readonly Counter<long> Bytes = Meter.CreateCounter<long>(
        "glance_gateway.store.io",
        "By",
        "Bytes that went through a store's driver by direction (read, write, hole); what the kernel sends from a local file is not in it.");

    private static readonly UpDownCounter<long> Open = Meter.CreateUpDownCounter<long>(
        "glance_gateway.store.open",
        "{transfer}",
        "Writers and sources that are open, by store.");

    public static void Record(string store, string operation, string outcome, long started)
    {
        if (!Duration.Enabled)
            return;
        Duration.Record(
            Stopwatch.GetElapsedTime(started).TotalSeconds,
            new KeyValuePair<string, object?>("store", store),
            new KeyValuePair<string, object?>("operation", operation),
            new KeyValuePair<string, object?>("outcome", outcome));
    }

    public static void Count(string store, string direction, long bytes) =>
        Bytes.Add(bytes, new KeyValuePair<string, object?>("store", store), new KeyValuePair<string, object?>("direction", direction));

    public static void CountOpen(string store, int change) => Open.Add(change, new KeyValuePair<string, object?>("store", store));
}
