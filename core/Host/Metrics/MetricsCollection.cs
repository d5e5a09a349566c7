using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;

namespace GlanceGateway.Host.Metrics;

/// <summary>Listens to what the parts of this process measure, from its making on, and tells it in the text format of Prometheus.</summary>
/// <remarks>Nothing is measured twice and no part knows of it: they use System.Diagnostics.Metrics, as the runtime and the web server do. Names are those
/// of OpenTelemetry, so that another exporter would say the same.</remarks>
internal sealed class MetricsCollection : IDisposable
{
    /// <summary>The runtime's own that are worth a look: memory and pauses, what goes out over HTTP, what comes in.</summary>
    private static readonly HashSet<string> s_others = new(StringComparer.Ordinal)
    {
        "System.Runtime", "System.Net.Http", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel",
    };

    /// <summary>By name: two web servers in one process have the same instruments twice.</summary>
    private readonly ConcurrentDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();
    private readonly Lock _reading = new();

    public MetricsCollection()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("GlanceGateway.", StringComparison.Ordinal) || s_others.Contains(instrument.Meter.Name))
            {
                var family = new MetricFamily(instrument);
                listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(family.Name, family));
            }
        };
        _listener.SetMeasurementEventCallback<double>(static (_, value, labels, family) => ((MetricFamily)family!).Record(value, labels));
        _listener.SetMeasurementEventCallback<long>(static (_, value, labels, family) => ((MetricFamily)family!).Record(value, labels));
        _listener.SetMeasurementEventCallback<int>(static (_, value, labels, family) => ((MetricFamily)family!).Record(value, labels));
        _listener.Start();
    }

    /// <summary>Everything as it is now.</summary>
    public string Read()
    {
        lock (_reading)
        {
            foreach (var family in _families.Values.Where(family => family.IsObservable))
                family.Clear();
            _listener.RecordObservableInstruments();
            var text = new StringBuilder(16 << 10);
            foreach (var family in _families.Values.OrderBy(family => family.Name, StringComparer.Ordinal))
                family.Write(text);
            return text.ToString();
        }
    }

    public void Dispose() => _listener.Dispose();
}
