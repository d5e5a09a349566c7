using System.Diagnostics;

namespace GlanceGateway.Interop.Tests;

/// <summary>Waits for what happens soon.</summary>
internal static class Eventually
{
    public static Task TrueAsync(string what, TimeSpan limit, Func<bool> condition) => TrueAsync(what, limit, () => Task.FromResult(condition()));

    public static async Task TrueAsync(string what, TimeSpan limit, Func<Task<bool>> condition)
    {
        var begun = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < limit, $"not within {limit.TotalSeconds} s: {what}");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}
