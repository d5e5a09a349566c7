using System.Diagnostics;

namespace GlanceGateway.Blocks.Tests;

/// <summary>A process that fills a cache in random order until it is killed.</summary>
internal static class Victim
{
    internal const string Argument = "--victim";
    internal const int Length = (24 << 20) + 12_345;

    internal static byte[] Bytes { get; } = Content.Of(Length, seed: 99);

    internal static Process Start(string directory, int seed) => Process.Start(
        new ProcessStartInfo(Environment.ProcessPath!, [Argument, directory, seed.ToString()]) { UseShellExecute = false, RedirectStandardOutput = true })!;

    internal static async Task<int> RunAsync(string directory, int seed)
    {
        var random = new Random(seed);
        var cache = CacheHome.Open(directory, o => o with { MaxBytes = 16 << 20 });
        Console.WriteLine("ready");
        // More objects than fit, so that blocks and whole objects are evicted all the time too.
        while (true)
        {
            var id = $"image-{random.Next(3)}";
            await using var source = cache.Wrap(Content.Key(id, Bytes), new TestSource(Bytes).Open(), Length);
            await Parallel.ForAsync(0, 12, async (_, token) =>
            {
                int offset;
                lock (random)
                    offset = random.Next(Length);
                await source.ReadAsync(offset, new byte[700_000], token);
            });
        }
    }
}
