using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Order;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace GlanceGateway.Bench;

/// <summary>
/// How everything here is measured unless the command line says otherwise: few iterations of at least some ten milliseconds each, in this
/// process.
/// </summary>
/// <remarks>In this process, because a world (registry of 20,000 images, stored images, a mount) is built once for all benchmarks, and because
/// what is counted must hold for the gateway's threads too, not only for the one that calls.</remarks>
internal sealed class BenchConfig : ManualConfig
{
    public BenchConfig()
    {
        AddJob(Job.Default
            .WithStrategy(RunStrategy.Monitoring)
            .WithWarmupCount(2)
            .WithIterationCount(7)
            .WithInvocationCount(1)
            .WithUnrollFactor(1)
            .WithToolchain(new InProcessEmitToolchain(TimeSpan.FromMinutes(30), logOutput: true))
            .WithId("short")
            .AsDefault());
        AddDiagnoser(new MemoryDiagnoser(new MemoryDiagnoserConfig(displayGenColumns: false)), new TransferDiagnoser());
        AddColumnProvider(DefaultColumnProviders.Descriptor, DefaultColumnProviders.Params, DefaultColumnProviders.Metrics);
        AddColumn(StatisticColumn.Median, StatisticColumn.Min, RatioColumn.OfBest, RatioColumn.OfProcessorTime);
        AddExporter(MarkdownExporter.GitHub, JsonExporter.Brief);
        AddLogger(ConsoleLogger.Default);
        WithOrderer(new DefaultOrderer(SummaryOrderPolicy.Declared));
        WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(30));
        WithArtifactsPath(Path.Combine(Repository.Root, "artifacts", "bench"));
    }
}
