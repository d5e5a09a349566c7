using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace GlanceGateway.Host.Metrics;

/// <summary>All series of one instrument.</summary>
internal sealed class MetricFamily
{
    /// <summary>More than this would be a label that somebody outside chooses; what comes then is counted together.</summary>
    private const int MostSeries = 2000;

    private const string Overflow = "otel_metric_overflow=\"true\"";

    /// <summary>Seconds, as OpenTelemetry recommends for requests.</summary>
    private static readonly double[] s_seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60];

    private readonly ConcurrentDictionary<string, Series> _series = new(StringComparer.Ordinal);
    private readonly string _help;
    private readonly string _type;
    private readonly double[]? _bounds;
    private readonly bool _isSum;

    public MetricFamily(Instrument instrument)
    {
        var kind = instrument.GetType();
        kind = kind.IsGenericType ? kind.GetGenericTypeDefinition() : kind;
        var isHistogram = kind == typeof(Histogram<>);
        var isCounter = kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>);
        _type = isHistogram ? "histogram" : isCounter ? "counter" : "gauge";
        // What is observed is told whole at each look; the others tell what was added.
        _isSum = !instrument.IsObservable && kind != typeof(Gauge<>);
        _bounds = isHistogram ? (instrument as Histogram<double>)?.Advice?.HistogramBucketBoundaries?.ToArray() ?? s_seconds : null;
        _help = (instrument.Description ?? instrument.Name).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", " ", StringComparison.Ordinal);
        Name = NameOf(instrument.Name, instrument.Unit, isCounter);
        IsObservable = instrument.IsObservable;
    }

    /// <summary>As Prometheus writes it.</summary>
    public string Name { get; }

    public bool IsObservable { get; }

    /// <summary>Forgets what was observed last time: what is not observed again is gone.</summary>
    public void Clear() => _series.Clear();

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var key = LabelsOf(labels);
        if (!_series.TryGetValue(key, out var series))
            series = _series.GetOrAdd(_series.Count < MostSeries ? key : Overflow, _ => new Series(_bounds?.Length ?? -1));
        lock (series)
        {
            series.Value = _isSum ? series.Value + value : value;
            if (_bounds is null)
                return;
            var at = Array.BinarySearch(_bounds, value);
            series.Buckets[at < 0 ? ~at : at]++;
        }
    }

    /// <summary>Writes the family in the text format, version 0.0.4.</summary>
    public void Write(StringBuilder text)
    {
        if (_series.IsEmpty)
            return;
        text.Append("# HELP ").Append(Name).Append(' ').Append(_help).Append('\n');
        text.Append("# TYPE ").Append(Name).Append(' ').Append(_type).Append('\n');
        foreach (var (labels, series) in _series.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            lock (series)
            {
                if (_bounds is null)
                    WriteSample(text, "", labels, series.Value);
                else
                    WriteHistogram(text, labels, series, _bounds);
            }
        }
    }

    /// <summary>Dots become underscores, the unit comes behind, and <c>_total</c> behind what only grows.</summary>
    internal static string NameOf(string name, string? unit, bool isCounter)
    {
        var suffix = unit switch
        {
            "s" => "_seconds",
            "By" => "_bytes",
            null or "" or "1" => "",
            _ when unit[0] == '{' => "",
            _ => "_" + unit,
        };
        var text = new StringBuilder(name.Length + 16);
        foreach (var letter in name + suffix)
            text.Append(char.IsAsciiLetterOrDigit(letter) ? letter : '_');
        return isCounter ? text.Append("_total").ToString() : text.ToString();
    }

    private void WriteHistogram(StringBuilder text, string labels, Series series, double[] bounds)
    {
        var count = 0L;
        for (var i = 0; i <= bounds.Length; i++)
        {
            count += series.Buckets[i];
            var bound = i == bounds.Length ? "+Inf" : bounds[i].ToString(CultureInfo.InvariantCulture);
            WriteSample(text, "_bucket", $"{labels}{(labels.Length > 0 ? "," : "")}le=\"{bound}\"", count);
        }

        WriteSample(text, "_sum", labels, series.Value);
        WriteSample(text, "_count", labels, count);
    }

    private void WriteSample(StringBuilder text, string suffix, string labels, double value)
    {
        text.Append(Name).Append(suffix);
        if (labels.Length > 0)
            text.Append('{').Append(labels).Append('}');
        text.Append(' ').Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        if (labels.IsEmpty)
            return "";
        var text = new StringBuilder(64);
        foreach (var (name, value) in labels)
        {
            if (text.Length > 0)
                text.Append(',');
            foreach (var letter in name)
                text.Append(char.IsAsciiLetterOrDigit(letter) ? letter : '_');
            text.Append("=\"");
            foreach (var letter in Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
                text.Append(letter switch { '\\' => "\\\\", '"' => "\\\"", '\n' => "\\n", _ => letter.ToString() });
            text.Append('"');
        }

        return text.ToString();
    }

    private sealed class Series(int bounds)
    {
        public double Value { get; set; }

        public long[] Buckets { get; } = new long[bounds + 1];
    }
}
