using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using GlanceGateway.Abstractions;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Live;

/// <summary>
/// Every driver over its server, replaced again and again by other bytes of itself under eight streams: no request fails, and the code of those
/// that can be unloaded is gone ten seconds later. A hundred swaps each with full counts, two otherwise. Alone, as the other tests' garbage is theirs.
/// </summary>
[Collection(nameof(DriverSwapTests))]
[CollectionDefinition(nameof(DriverSwapTests), DisableParallelization = true)]
public sealed class DriverSwapTests
{
    private const int Streams = 8;

    // What is promised; the gate's machine may be busy with other things.
    private static readonly TimeSpan s_limit = Requires.FullCounts ? TimeSpan.FromSeconds(10) : TimeSpan.FromMinutes(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> Drivers { get; } = new()
    {
        { "FileSystem", true },
        { "Memory", true },
        { "Sftp", true },
        { "Http", true },
        { "Sheepdog", true },
        { "Rbd", true },
        { "S3", false },
        { "Swift", false },
        { "GridFs", false },
    };

    [Theory]
    [MemberData(nameof(Drivers))]
    public async Task Swaps_under_eight_streams_fail_no_request(string project, bool unloads)
    {
        await using var backend = await SwapBackend.StartAsync(project);
        await using var live = await LiveStores.OpenAsync(backend, "1.0.0");
        var swaps = Requires.FullCounts ? 100 : 2;
        var clock = Stopwatch.StartNew();
        var old = new List<WeakReference>();
        var memory = new List<long> { ResidentBytes() };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var (requests, slowest) = (0L, 0L);
        var streams = Enumerable.Range(0, Streams).Select(stream => Task.Run(async () =>
        {
            var bytes = new byte[300_000 + stream];
            new Random(stream).NextBytes(bytes);
            var placed = backend.Place(bytes);

            // Half of them keep one reference for ever: a swap must not strand whoever holds a driver.
            var kept = live.Set.Default.Driver;
            while (!stop.IsCancellationRequested)
            {
                var started = Stopwatch.GetTimestamp();
                var driver = stream % 2 == 0 ? kept : live.Set.Default.Driver;
                var location = placed ?? (await LiveStores.StoreAsync(driver, bytes)).Location;
                Assert.Equal(bytes, await LiveStores.ReadAsync(driver, location));
                if (placed is null)
                    Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(location, Cancel));
                Interlocked.Add(ref requests, placed is null ? 3 : 1);
                InterlockedMax(ref slowest, Stopwatch.GetElapsedTime(started).Ticks);
            }
        })).ToList();

        for (var swap = 2; swap < swaps + 2; swap++)
        {
            old.Add(ContextOf(live));
            live.Put(project, $"{swap}.0.0");
            await live.RefreshAsync();
            Assert.Equal($"{swap}.0.0", live.Set.Default.Plugin!.Version);
            var before = Interlocked.Read(ref requests);
            await LiveStores.UntilAsync(
                () => Interlocked.Read(ref requests) > before + Streams || streams.Exists(stream => stream.IsFaulted),
                "work goes on after a swap");
            memory.Add(ResidentBytes());
        }

        await stop.CancelAsync();
        await Task.WhenAll(streams);
        var took = clock.Elapsed;
        clock.Restart();
        while (unloads && clock.Elapsed < s_limit && old.Exists(context => context.IsAlive))
            await Task.Delay(100, Cancel);

        var alive = old.Count(context => context.IsAlive);
        TestContext.Current.SendDiagnosticMessage(
            "{0}: {1} swaps in {2:0} s under {3} streams, {4} requests, the slowest round {5:0.00} s; {6} old contexts alive after {7:0.0} s; resident {8} MiB before, {9} at half, {10} at the end, {11} later",
            project,
            swaps,
            took.TotalSeconds,
            Streams,
            requests,
            TimeSpan.FromTicks(slowest).TotalSeconds,
            alive,
            clock.Elapsed.TotalSeconds,
            memory[0] >> 20,
            memory[memory.Count / 2] >> 20,
            memory[^1] >> 20,
            ResidentBytes() >> 20);
        if (unloads)
            Assert.Equal(0, alive);
        else
            Assert.All(old, context => Assert.True(context.IsAlive));
        Assert.Single(Directory.EnumerateDirectories(live.Root["scratch/.plugins"]));
        Assert.DoesNotContain(live.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference ContextOf(LiveStores live)
    {
        var context = live.Set.Default.Loaded!.Context;
        Assert.NotSame(AssemblyLoadContext.Default, context.Target);
        return context;
    }

    private static long ResidentBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static void InterlockedMax(ref long target, long value)
    {
        for (var seen = Volatile.Read(ref target); value > seen;)
        {
            var now = Interlocked.CompareExchange(ref target, value, seen);
            if (now == seen)
                return;
            seen = now;
        }
    }
}
