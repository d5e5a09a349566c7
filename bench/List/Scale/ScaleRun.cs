using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace GlanceGateway.Bench;

// Asks the same of a registry with 1,000 images and of one with 1,000,000, on SQLite and on PostgreSQL.
//
// One after the other in each round, the order changing from round to round: what the machine does beside it slows both. What is compared is
// processor time, of this process and for PostgreSQL of the server's processes too: elapsed time on a busy machine is that of waiting for a turn.
// It is shown beside it, as the fastest round's. The ratio is the median of the rounds' ratios.
//
// Both answer pages of as many images: where the small one has fewer than a page, both are asked for as many as it has (at least one). What the
// full page of the big one takes is shown beside it.
internal static class ScaleRun
{
    private const int Small = 1000;

    public static async Task<int> RunAsync(IReadOnlyList<string> args)
    {
        var big = int.Parse(Option(args, "--images") ?? "1000000", CultureInfo.InvariantCulture);
        var rounds = int.Parse(Option(args, "--rounds") ?? "9", CultureInfo.InvariantCulture);
        var parent = Environment.GetEnvironmentVariable("GLANCE_BENCH_DIRECTORY") ?? Path.GetTempPath();
        var kept = Option(args, "--in");
        var directory = Directory.CreateDirectory(kept ?? Path.Combine(parent, $"glance-scale-{Guid.NewGuid():N}")).FullName;
        try
        {
            if (Option(args, "--on") is null or "sqlite")
            {
                await using var small = new ScaledSqlite(Path.Combine(directory, "small.sqlite"));
                await using var large = new ScaledSqlite(Path.Combine(directory, "large.sqlite"));
                await CompareAsync("SQLite", small, large, big, rounds, Option(args, "--only"), server: null);
            }

            if (Option(args, "--on") is null or "postgres")
            {
                await using var server = await PostgresForBench.StartAsync(directory);
                await using var small = new ScaledPostgres(await server.DatabaseAsync("small"));
                await using var large = new ScaledPostgres(await server.DatabaseAsync("large"));
                await CompareAsync("PostgreSQL", small, large, big, rounds, Option(args, "--only"), server);
            }

            return 0;
        }
        finally
        {
            if (kept is null)
                Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task CompareAsync(string name, ScaledRegistry small, ScaledRegistry large, int big, int rounds, string? only, PostgresForBench? server)
    {
        var watch = Stopwatch.StartNew();
        await small.FillAsync(Small);
        await large.FillAsync(big);
        Console.WriteLine(Invariant($"## {name}: {Small:N0} and {big:N0} images, {rounds} rounds; filled in {watch.Elapsed.TotalSeconds:0} s\n"));
        Console.WriteLine("| | highest ratio | of | images | CPU ms of 1,000 | CPU ms of many | ms of 1,000 | ms of many | median ratio | CPU ms of a full page of many | KiB allocated |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
        var details = new List<string>();
        foreach (var group in (await ScaleCase.AllAsync(small, large)).GroupBy(one => one.Group).Where(group => only is null || Regex.IsMatch(group.Key, only, RegexOptions.None, TimeSpan.FromSeconds(1))))
        {
            var results = new List<Result>();
            foreach (var one in group)
                results.Add(await MeasureAsync(one, small, large, rounds, server));
            var worst = results.MaxBy(result => result.Ratio)!;
            Console.WriteLine(Invariant(
                $"| {group.Key} | **{worst.Ratio:0.0}** | {worst.Name} | {worst.Found} | {worst.Small.Cpu:0.00} | {worst.Large.Cpu:0.00} | {worst.Small.Elapsed:0.0} | {worst.Large.Elapsed:0.0} | {Median(results.Select(result => result.Ratio)):0.0} | {Median(results.Select(result => result.FullPage.Cpu)):0.00} | {worst.Large.Kilobytes:0} |"));
            details.AddRange(results.Select(result => Invariant($"{group.Key}, {result.Name}: {result.Small.Cpu:0.00} ms, {result.Large.Cpu:0.00} ms, {result.Ratio:0.0}; {result.Found} images, a full page of many {result.FullPage.Cpu:0.00} ms")));
        }

        Console.WriteLine(Invariant($"\nmemory of this process {Environment.WorkingSet >> 20} MiB{(server is null ? "" : $", of the server's processes {server.Memory() >> 20} MiB of their own")}\n"));
        var folder = Directory.CreateDirectory(Path.Combine(Repository.Root, "artifacts/bench/results")).FullName;
        await File.WriteAllLinesAsync(Path.Combine(folder, $"scale-{name}.txt"), details);
    }

    private static async Task<Result> MeasureAsync(ScaleCase one, ScaledRegistry small, ScaledRegistry large, int rounds, PostgresForBench? server)
    {
        var found = await one.Ask(small, one.Limit);
        var limit = Math.Max(found, 1);

        // Fast ones are asked more than once, so that a round takes some milliseconds.
        await one.Ask(large, one.Limit);
        var once = await RoundAsync(one, large, limit, 1, server);
        var repeat = Math.Clamp((int)(10 / once.Cpu), 1, 10);
        var costs = (Small: new List<Cost>(), Large: new List<Cost>(), FullPage: new List<Cost>());
        for (var round = 0; round < rounds; round++)
        {
            if (round % 2 == 0)
                costs.Small.Add(await RoundAsync(one, small, limit, repeat, server));
            costs.Large.Add(await RoundAsync(one, large, limit, repeat, server));
            if (round % 2 != 0)
                costs.Small.Add(await RoundAsync(one, small, limit, repeat, server));
            if (limit < one.Limit)
                costs.FullPage.Add(await RoundAsync(one, large, one.Limit, repeat, server));
        }

        var ratio = Median(costs.Small.Zip(costs.Large, (a, b) => b.Cpu / a.Cpu));
        return new(one.Name, found, Typical(costs.Small), Typical(costs.Large), Typical(limit < one.Limit ? costs.FullPage : costs.Large), ratio);
    }

    private static async Task<Cost> RoundAsync(ScaleCase one, ScaledRegistry on, int limit, int repeat, PostgresForBench? server)
    {
        var servers = server?.Cpu() ?? TimeSpan.Zero;
        var allocated = GC.GetTotalAllocatedBytes();
        var own = Environment.CpuUsage.TotalTime;
        var since = Stopwatch.GetTimestamp();
        for (var time = 0; time < repeat; time++)
            await one.Ask(on, limit);
        var elapsed = Stopwatch.GetElapsedTime(since);
        own = Environment.CpuUsage.TotalTime - own;
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        servers = (server?.Cpu() ?? TimeSpan.Zero) - servers;
        return new((own + servers).TotalMilliseconds / repeat, elapsed.TotalMilliseconds / repeat, allocated / 1024.0 / repeat);
    }

    private static Cost Typical(List<Cost> costs) =>
        new(Median(costs.Select(cost => cost.Cpu)), costs.Min(cost => cost.Elapsed), Median(costs.Select(cost => cost.Kilobytes)));

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }

    private static string? Option(IReadOnlyList<string> args, string name) => args.SkipWhile(arg => arg != name).Skip(1).FirstOrDefault();

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Cost(double Cpu, double Elapsed, double Kilobytes);

    private sealed record Result(string Name, int Found, Cost Small, Cost Large, Cost FullPage, double Ratio);
}
