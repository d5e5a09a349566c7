using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Fuse;

/// <summary>Serves a mount that a keeper holds. In two steps, so that a successor can find out first what there is to serve.</summary>
public sealed class KeptServer : IMountServer
{
    private static readonly TimeSpan s_abortGrace = TimeSpan.FromSeconds(2);

    /// <summary>How long answers in progress may take when the mount is left: everybody else waits meanwhile, and the successor can answer them as well.</summary>
    private static readonly TimeSpan s_longestLeave = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger;
    private bool _left;

    /// <summary>Prepares it; <see cref="Start"/> begins.</summary>
    /// <param name="mount">The mount; owned by this object from now on.</param>
    /// <param name="fileSystem">The tree.</param>
    /// <param name="options">Threads and the like.</param>
    /// <param name="logger">Gets failures.</param>
    public KeptServer(KeptMount mount, FuseFileSystem fileSystem, FuseSessionOptions options, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(mount);
        ArgumentNullException.ThrowIfNull(options);
        Mount = mount;
        _logger = logger;
        FuseSessionOptions own = options with { BackingRegistrar = options.BackingRegistrar ?? mount, Resend = mount.IsTakenOver, SeesCallers = options.SeesCallers && mount.SeesKeeper };
        Session = new FuseSession(mount.Device, mount.Negotiation, fileSystem, own, logger);
    }

    /// <summary>The mount.</summary>
    public KeptMount Mount { get; }

    /// <inheritdoc/>
    public string MountPoint => Mount.MountPoint;

    /// <inheritdoc/>
    public FuseSession Session { get; }

    /// <summary>Begins to answer, first of all what an earlier server left unanswered.</summary>
    public void Start() => Session.Start();

    /// <inheritdoc/>
    public async Task<bool> StopAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        if (Session.Completion.IsCompleted)
        {
            return true;
        }

        if (Mount.CanLeave())
        {
            _left = true;
            _ = await Session.LeaveAsync(timeout < s_longestLeave ? timeout : s_longestLeave);
            Mount.Leave();
            FuseLog.KeptLeft(_logger, MountPoint);
            return true;
        }

        if (Mount.Unmount(abort: false) == UnmountOutcome.Failed)
        {
            FuseLog.KeptNotUnmounted(_logger, MountPoint);
        }

        long begun = Stopwatch.GetTimestamp();
        while (!Session.Completion.IsCompleted && Stopwatch.GetElapsedTime(begun) < timeout && !cancellationToken.IsCancellationRequested)
        {
            await Task.WhenAny(Session.Completion, Task.Delay(50, CancellationToken.None));
        }

        if (Session.Completion.IsCompleted)
        {
            return true;
        }

        FuseLog.StopTimedOut(_logger, MountPoint, timeout.TotalSeconds, Mount.Unmount(abort: true) != UnmountOutcome.Failed);
        await Task.WhenAny(Session.Completion, Task.Delay(s_abortGrace, CancellationToken.None));
        return false;
    }

    /// <summary>Lets go. What was left to a successor stays until the process ends, since its threads may still read from the device.</summary>
    public void Dispose()
    {
        if (!_left)
        {
            Mount.Dispose();
        }
    }
}
