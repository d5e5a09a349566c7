using System.Diagnostics.Metrics;
using GlanceGateway.Host.Metrics;

namespace GlanceGateway.Host.Tests;

/// <summary>What is measured, in the text format of Prometheus.</summary>
public sealed class MetricsTests
{
    [Fact]
    public void Every_kind_of_instrument_is_told_in_its_form()
    {
        using var collection = new MetricsCollection();
        using var meter = new Meter("GlanceGateway.MetricsTests");
        var counter = meter.CreateCounter<long>("test.sent", "By", "Bytes\nand \\ more.");
        var level = meter.CreateUpDownCounter<long>("test.open", "{transfer}");
        var duration = meter.CreateHistogram<double>("test.duration", "s");
        var observed = 5L;
        meter.CreateObservableGauge("test.level", () => observed);
        counter.Add(3, new KeyValuePair<string, object?>("to", "a \"b\"\n\\c"));
        counter.Add(4, new KeyValuePair<string, object?>("to", "a \"b\"\n\\c"));
        level.Add(2);
        level.Add(-1);
        duration.Record(0.02);
        duration.Record(1000);

        var lines = Lines(collection);
        Assert.Contains("# HELP test_sent_bytes_total Bytes and \\\\ more.", lines);
        Assert.Contains("# TYPE test_sent_bytes_total counter", lines);
        Assert.Contains("""test_sent_bytes_total{to="a \"b\"\n\\c"} 7""", lines);
        Assert.Contains("# TYPE test_open gauge", lines);
        Assert.Contains("test_open 1", lines);
        Assert.Contains("test_duration_seconds_bucket{le=\"0.01\"} 0", lines);
        Assert.Contains("test_duration_seconds_bucket{le=\"0.025\"} 1", lines);
        Assert.Contains("test_duration_seconds_bucket{le=\"60\"} 1", lines);
        Assert.Contains("test_duration_seconds_bucket{le=\"+Inf\"} 2", lines);
        Assert.Contains("test_duration_seconds_sum 1000.02", lines);
        Assert.Contains("test_duration_seconds_count 2", lines);
        Assert.Contains("test_level 5", lines);
        observed = 6;
        Assert.Contains("test_level 6", Lines(collection));
    }

    [Fact]
    public void A_label_that_somebody_else_chooses_does_not_fill_the_memory()
    {
        using var collection = new MetricsCollection();
        using var meter = new Meter("GlanceGateway.MetricsTests");
        var counter = meter.CreateCounter<long>("test.many");
        for (var i = 0; i < 5000; i++)
            counter.Add(1, new KeyValuePair<string, object?>("name", i));
        var lines = Lines(collection).Where(line => line.StartsWith("test_many_total{", StringComparison.Ordinal)).ToList();
        Assert.InRange(lines.Count, 1000, 2001);
        Assert.Contains(lines, line => line.StartsWith("test_many_total{otel_metric_overflow=\"true\"}", StringComparison.Ordinal));
    }

    private static string[] Lines(MetricsCollection collection) => collection.Read().Split('\n');
}
