using System.Diagnostics;
using GlanceGateway.Testing;

namespace GlanceGateway.Blocks.Tests;

/// <summary>A process that fills a cache in random order until it is killed.</summary>
internal static class Victim
{
    internal const string Argument = "--victim";
    internal const string WriterArgument = "--writer";
    internal const int Length = (24 << 20) + 12_345;

    internal static BlockKey WrittenKey { get; } = new("image-raw", Generation: "1");

    internal static byte[] Bytes { get; } = Content.Of(Length, seed: 99);

    internal static Process Start(string directory, int seed, string argument = Argument) => Process.Start(
        new ProcessStartInfo(RepositoryPaths.ThisProgram, [argument, directory, seed.ToString()]) { UseShellExecute = false, RedirectStandardOutput = true })!;

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

    /// <summary>Warms one object and writes out another, over and over.</summary>
    internal static async Task<int> WriteOutAsync(string directory, int seed)
    {
        var cache = CacheHome.Open(directory);
        Console.WriteLine("ready");
        for (var round = 0; ; round++)
        {
            var source = new TestSource(Bytes);
            await cache.WarmAsync(Content.Key("image", Bytes), source.Open(), Length, CancellationToken.None);
            await cache.WriteOutAsync(WrittenKey, _ => ValueTask.FromResult(source.Open(extents: true)), Length, CancellationToken.None);
            // Every second round ends whole, so that what was finished is killed too.
            if ((round + seed) % 2 == 0)
                cache.Evict(round % 4 < 2 ? "image" : WrittenKey.Id);
        }
    }
}
