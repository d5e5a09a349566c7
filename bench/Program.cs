using BenchmarkDotNet.Running;
using GlanceGateway.Bench;

// Not a matter of BenchmarkDotNet: the pairs are two registries.
if (args is ["scale", .. var options])
{
    return await ScaleRun.RunAsync(options);
}

// Without arguments everything runs; any argument of BenchmarkDotNet narrows it or makes it longer.
try
{
    var summaries = BenchmarkSwitcher.FromAssembly(typeof(BenchConfig).Assembly).Run(args.Length == 0 ? ["--filter", "*"] : args, new BenchConfig());
    return summaries.Any(s => s.HasCriticalValidationErrors || s.Reports.Any(r => !r.Success)) ? 1 : 0;
}
finally
{
    await SharedGateway.CloseAsync();
}
