using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores.Tests.Faults;

/// <summary>Calls of a driver whose server fails, or has just come back.</summary>
internal static class FaultCalls
{
    // Far beyond the time-outs of the fixtures' drivers and their retries, for a loaded machine.
    private static readonly TimeSpan limit = TimeSpan.FromSeconds(90);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Passes when the call ends in time, with any outcome or a <see cref="StoreException"/>, which is returned.</summary>
    public static async Task<StoreException?> EndsAsync(Func<Task> call)
    {
        try
        {
            await call().WaitAsync(limit, Cancel);
            return null;
        }
        catch (StoreException exception)
        {
            return exception;
        }
    }

    /// <summary>The network is back, but a connection that died of the fault may be met once more by what changes something.</summary>
    public static async Task RepeatAsync(Func<Task> call)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await call().WaitAsync(limit, Cancel);
                return;
            }
            catch (StoreException) when (tries < 5)
            {
                await Task.Delay(200 * tries, Cancel);
            }
        }
    }
}
