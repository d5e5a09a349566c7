using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Mathematics;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace GlanceGateway.Bench;

/// <summary>A benchmark against its baseline, by a number that other people's work on the machine disturbs least.</summary>
/// <remarks>BenchmarkDotNet's own ratio compares means, which one interrupted iteration moves: under load it gave a baseline 1.3 times itself.</remarks>
internal sealed class RatioColumn : BaselineCustomColumn
{
    private readonly Func<Statistics, IReadOnlyDictionary<string, Metric>, double?> value;

    private RatioColumn(string name, string legend, Func<Statistics, IReadOnlyDictionary<string, Metric>, double?> value)
    {
        ColumnName = name;
        Legend = legend;
        this.value = value;
    }

    /// <summary>Fastest iteration against fastest iteration.</summary>
    public static RatioColumn OfBest { get; } = new("Best ratio", "Fastest iteration against the baseline's fastest", (statistics, _) => statistics.Min);

    /// <summary>Processor time against processor time.</summary>
    public static RatioColumn OfProcessorTime { get; } = new(
        "CPU ratio", "Processor time against the baseline's", (_, metrics) => metrics.GetValueOrDefault(TransferDiagnoser.ProcessorTimeId)?.Value);

    public override string Id => ColumnName;

    public override string ColumnName { get; }

    public override int PriorityInCategory => 0;

    public override bool IsNumeric => true;

    public override UnitType UnitType => UnitType.Dimensionless;

    public override string Legend { get; }

    public override string GetValue(
        Summary summary,
        BenchmarkCase benchmarkCase,
        Statistics baseline,
        IReadOnlyDictionary<string, Metric> baselineMetrics,
        Statistics current,
        IReadOnlyDictionary<string, Metric> currentMetrics,
        bool isBaseline) =>
        value(current, currentMetrics) / value(baseline, baselineMetrics) is { } ratio ? ratio.ToString("0.00", summary.GetCultureInfo()) : "";
}
