using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>
/// How often a test kills: a few times in the gate, a hundred times with full counts. Then they are spread over gateways side by side, each in a
/// place of its own with a seed of its own, because most of such a round is waiting for one process to start.
/// </summary>
internal static class Kills
{
    private const int Full = 100;

    /// <summary>Two for each core of the machine that the full counts are meant for.</summary>
    private const int SideBySide = 4;

    /// <summary>Runs the kills.</summary>
    /// <param name="seed">Draws the moments.</param>
    /// <param name="reduced">How many kills in the gate.</param>
    /// <param name="rounds">Kills the gateway of one site a number of times, at moments that the numbers draw.</param>
    public static Task RunAsync(int seed, int reduced, Func<Random, int, Task> rounds) => Requires.FullCounts
        ? Task.WhenAll(Enumerable.Range(0, SideBySide).Select(place => rounds(new Random(seed + (1000 * place)), Full / SideBySide)))
        : rounds(new Random(seed), reduced);
}
