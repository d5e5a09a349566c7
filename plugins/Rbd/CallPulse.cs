using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// How a call that runs in a thread of its own is watched. The time-outs of the libraries hold for one request to a daemon; librbd's own waits,
/// as that for an image's lock, have none. So a call gives a sign between its steps, and with every object that a long step has finished. One
/// that gives none for too long is abandoned: its caller is told, and it takes no further step when the library lets go of it. Until then it
/// keeps image and connection open, because nothing may be freed under it.
/// </summary>
/// <param name="goesOn">Whether the call takes its further steps also when abandoned: half a removal is worth less than a late one.</param>
internal sealed class CallPulse(bool goesOn = false)
{
    [ThreadStatic]
    private static CallPulse? current;

    private long lastSign = Environment.TickCount64;
    private volatile bool abandoned;

    /// <summary>Time since the last sign.</summary>
    public TimeSpan Silence => TimeSpan.FromMilliseconds(Environment.TickCount64 - Volatile.Read(ref lastSign));

    /// <summary>The call that runs in this thread lives, and is about to take another step.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/>: it was abandoned and must change nothing more.</exception>
    public static void Beat() => current?.Step();

    /// <summary>The pulse of the call that runs in this thread, for what reports its progress from another one; null outside of calls.</summary>
    public static CallPulse? OfThisThread() => current;

    /// <summary>Notes a sign of life.</summary>
    public void Sign() => Volatile.Write(ref lastSign, Environment.TickCount64);

    /// <summary>Runs the call in this thread.</summary>
    public T Run<T>(Func<T> call)
    {
        Sign();
        current = this;
        try
        {
            return call();
        }
        finally
        {
            current = null;
        }
    }

    /// <summary>Waits for the call; never throws.</summary>
    /// <returns>False when it was silent for too long and is abandoned now.</returns>
    public async Task<bool> EndsAsync(Task running, TimeSpan longest)
    {
        while (!running.IsCompleted)
        {
            var rest = longest - Silence;
            if (rest <= TimeSpan.Zero)
            {
                abandoned = true;
                return false;
            }

            await running.WaitAsync(rest).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return true;
    }

    private void Step()
    {
        Sign();
        if (abandoned && !goesOn)
            throw new StoreException(StoreError.Unavailable, "The cluster answered after its answer was given up.");
    }
}
