using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting.Systemd;

namespace GlanceGateway.Host.Serving;

/// <summary>
/// What systemd is told (<c>Type=notify</c>): that the service is ready, that it stops, and with <c>WatchdogSec=</c> three times in that span that it
/// still works. Without systemd nothing is told. Protocol: sd_notify(3), sd_watchdog_enabled(3).
/// </summary>
/// <remarks>
/// Alive is a process whose thread pool runs this timer and whose mount takes requests. The mount is not asked through the kernel: a thread of this
/// process that waits for an answer of this process cannot even be killed, and would keep the next process from taking over.
/// </remarks>
internal sealed class ServiceNotices : IAsyncDisposable
{
    private static readonly ServiceState alive = new("WATCHDOG=1");

    private readonly CancellationTokenSource stopping = new();
    private readonly SystemdNotifier manager = new();
    private readonly Func<IReadOnlyList<ulong>> answering;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly Task beating;

    private ServiceNotices(Func<IReadOnlyList<ulong>> answering, TimeProvider time, ILogger logger)
    {
        this.answering = answering;
        this.time = time;
        this.logger = logger;
        Tell(ServiceState.Ready);
        beating = manager.IsEnabled && WatchdogSpan() is { } span ? Task.Run(() => BeatAsync(span), CancellationToken.None) : Task.CompletedTask;
    }

    /// <summary>Tells that the service is ready, and from then on that it is alive.</summary>
    /// <param name="answering">What the threads of a mount are answering, see <see cref="Fuse.FuseSession.Answering"/>; empty without a mount.</param>
    public static ServiceNotices Ready(Func<IReadOnlyList<ulong>> answering, TimeProvider time, ILogger logger) => new(answering, time, logger);

    /// <summary>Tells that the service was asked to stop and does so. From then on the watchdog sleeps.</summary>
    public void TellStopping() => Tell(ServiceState.Stopping);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await beating;
        stopping.Dispose();
    }

    private static TimeSpan? WatchdogSpan() =>
        (Environment.GetEnvironmentVariable("WATCHDOG_PID") is not { Length: > 0 } process || process == Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
        && long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
        && microseconds > 0 ? TimeSpan.FromMicroseconds(microseconds) : null;

    private void Tell(ServiceState state)
    {
        try
        {
            manager.Notify(state);
        }
        catch (SocketException fault)
        {
            // An ancestor's variable: who it names is gone or does not listen to this process.
            logger.LogDebug("Nobody listens at $NOTIFY_SOCKET: {Reason}", fault.Message);
        }
    }

    private async Task BeatAsync(TimeSpan span)
    {
        using var timer = new PeriodicTimer(span / 3, time);
        IReadOnlyList<ulong> before = [];
        try
        {
            while (await timer.WaitForNextTickAsync(stopping.Token))
            {
                var now = answering();
                if (IsStuck(before, now))
                    logger.LogError("Every thread of the mount has been answering one request for {Seconds} s; systemd will restart this process", (span / 3).TotalSeconds);
                else
                    Tell(alive);
                before = now;
            }
        }
        catch (OperationCanceledException)
        {
            // The service stops.
        }
    }

    internal static bool IsStuck(IReadOnlyList<ulong> before, IReadOnlyList<ulong> now) => now is not [] && !now.Contains(0UL) && now.SequenceEqual(before);
}
