using System.Diagnostics;
using System.Reflection;
using BenchmarkDotNet.Analysers;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Validators;

namespace GlanceGateway.Bench;

/// <summary>
/// What a transfer costs: processor time of the whole process, all threads, per operation and per GiB, and the median speed.
/// </summary>
/// <remarks>
/// On a busy machine the time of an operation is mostly other people's work; processor time wobbles far less. It counts both ends: the client
/// of a download and the reader of a mount are threads of this process too, so a benchmark is compared with its baseline, which has the same
/// client.
/// </remarks>
internal sealed class TransferDiagnoser : IDiagnoser, IDisposable
{
    /// <summary>The metric of processor time per operation, in nanoseconds.</summary>
    public const string ProcessorTimeId = "ProcessorTime";

    private const double MiB = 1 << 20;

    private readonly Dictionary<BenchmarkCase, TimeSpan> perIteration = [];
    private readonly IterationTimes times = new();

    public IEnumerable<string> Ids => [nameof(TransferDiagnoser)];

    public IEnumerable<IExporter> Exporters => [];

    public IEnumerable<IAnalyser> Analysers => [];

    public RunMode GetRunMode(BenchmarkCase benchmarkCase) => RunMode.NoOverhead;

    public void Handle(HostSignal signal, DiagnoserActionParameters parameters)
    {
        if (signal == HostSignal.BeforeActualRun)
        {
            times.Restart();
        }
        else if (signal == HostSignal.AfterActualRun && times.Count > 0)
        {
            perIteration[parameters.BenchmarkCase] = times.Total / times.Count;
        }
    }

    public IEnumerable<Metric> ProcessResults(DiagnoserResults results)
    {
        var measured = results.Measurements.Where(m => m.IterationMode == IterationMode.Workload && m.IterationStage == IterationStage.Actual).ToList();
        if (measured.Count == 0 || !perIteration.TryGetValue(results.BenchmarkCase, out var time))
        {
            yield break;
        }

        var perOperation = time / measured[0].Operations;
        yield return new Metric(Descriptor.ProcessorTime, perOperation.TotalNanoseconds);
        if (results.BenchmarkCase.Descriptor.WorkloadMethod.GetCustomAttribute<MovesAttribute>() is { Bytes: var bytes })
        {
            yield return new Metric(Descriptor.ProcessorTimePerGiB, perOperation.TotalSeconds * (1L << 30) / bytes);
            var speeds = measured.Select(m => bytes / MiB * m.Operations / (m.Nanoseconds / 1e9)).Order().ToList();
            yield return new Metric(Descriptor.Speed, speeds[speeds.Count / 2]);
        }
    }

    public void DisplayResults(ILogger logger)
    {
        // The metrics are columns.
    }

    public IEnumerable<ValidationError> Validate(ValidationParameters validationParameters) => [];

    public void Dispose() => times.Dispose();

    private sealed record Descriptor(string Id, string DisplayName, string Legend, string NumberFormat, UnitType UnitType, string Unit, bool TheGreaterTheBetter, int Order)
        : IMetricDescriptor
    {
        public static Descriptor ProcessorTime { get; } =
            new(ProcessorTimeId, "CPU/op", "Processor time of all threads of the process per operation", "0.###", UnitType.Time, "ns", false, 0);

        public static Descriptor ProcessorTimePerGiB { get; } =
            new("ProcessorTimePerGiB", "CPU s/GiB", "Processor seconds of all threads of the process per GiB moved", "0.000", UnitType.Dimensionless, "", false, 1);

        public static Descriptor Speed { get; } =
            new("Speed", "MiB/s", "Median speed", "#,0", UnitType.Dimensionless, "", true, 2);

        public int PriorityInCategory => Order;

        public bool GetIsAvailable(Metric metric) => true;
    }
}
