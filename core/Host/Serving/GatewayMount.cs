using GlanceGateway.Fuse;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Mounting;
using GlanceGateway.Images;
using GlanceGateway.View;

namespace GlanceGateway.Host.Serving;

/// <summary>The mount in the serving process.</summary>
/// <remarks>
/// A machine that cannot mount still serves the API: then there is one line that says what is missing. A keeper that does not answer is asked again and again,
/// since machines may be waiting for the mount that it holds.
/// </remarks>
internal sealed class GatewayMount : IAsyncDisposable
{
    /// <summary>How long files that are still open are served after the gateway was asked to stop.</summary>
    private static readonly TimeSpan stopTimeout = TimeSpan.FromSeconds(10);

    /// <summary>How often a keeper is asked that did not answer.</summary>
    private static readonly TimeSpan retryInterval = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource stopping = new();
    private readonly Func<CancellationToken, Task<(ImageMount Mount, ControlSocket? Control)>> start;
    private readonly ImageServices images;
    private readonly ILogger logger;
    private ImageMount? mount;
    private ControlSocket? control;
    private Task retrying = Task.CompletedTask;

    private GatewayMount(string directory, ImageServices images, Func<CancellationToken, Task<(ImageMount Mount, ControlSocket? Control)>> start, ILogger logger)
    {
        Directory = directory;
        this.images = images;
        this.start = start;
        this.logger = logger;
    }

    /// <summary>Where the images are files.</summary>
    public string Directory { get; }

    /// <summary>Whether they are by now.</summary>
    public bool IsMounted => Volatile.Read(ref mount) is not null;

    /// <summary>What its threads are answering; see <see cref="FuseSession.Answering"/>.</summary>
    public IReadOnlyList<ulong> Answering => Volatile.Read(ref mount)?.Answering ?? [];

    /// <summary>Whether the kernel reads local files itself.</summary>
    public bool IsPassthrough => Volatile.Read(ref mount) is { PassthroughActive: true };

    /// <summary>Mounts what the configuration asks for.</summary>
    /// <returns>Null when it asks for no mount, or when this machine cannot mount.</returns>
    /// <exception cref="ConfigurationException">The group does not exist.</exception>
    public static async Task<GatewayMount?> StartAsync(
        GatewayConfiguration configuration, ImageServices images, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (configuration.Mount is not { } wanted)
        {
            return null;
        }

        var logger = loggers.CreateLogger("GlanceGateway.Mount");
        var viewer = wanted.As is { } identity
            ? new Caller(identity.Project, "glance-gateway mount", identity.Roles)
            : new Caller(GatewayServer.DefaultProject, "glance-gateway mount", ["admin", "member", "reader"]);
        var privileged = Environment.IsPrivilegedProcess;
        var options = new ImageMountOptions
        {
            Directory = wanted.Directory,
            Uid = LinuxUsers.EffectiveUser,
            Gid = wanted.Group is { } group ? LinuxUsers.GroupId(group) ?? throw NoSuchGroup(configuration, group) : LinuxUsers.EffectiveGroup,
            WorldReadable = wanted.WorldReadable,
            Passthrough = wanted.Passthrough,
            Keeper = wanted.Keeper,
            AllowOther = privileged || wanted.Keeper is not null || LinuxUsers.MayAllowOthers(),
            VerdictFile = Path.Join(configuration.DataDirectory, "mount-verdicts.json"),
        };
        var mount = new GatewayMount(wanted.Directory, images, token => MountAsync(images, viewer, options, loggers, logger, token), logger);
        try
        {
            LinuxFiles.MakeMountPoint(wanted.Directory);
            await mount.BeginAsync(cancellationToken);
            if (privileged && mount.mount is { IsKept: false })
            {
                logger.LogInformation("This process serves the mount as root and a crash of it ends the mount; with a keeper (mount.keeper) it needs no privilege and the mount stays.");
            }

            return mount;
        }
        catch (FuseMountException failure) when (wanted.Keeper is not null)
        {
            logger.LogError("Images are not mounted at {Directory} yet, and the keeper will be asked again: {Reason}", wanted.Directory, failure.Message);
            mount.retrying = Task.Run(mount.RetryAsync, CancellationToken.None);
            return mount;
        }
        catch (Exception failure) when (failure is FuseMountException or IOException or UnauthorizedAccessException)
        {
            logger.LogError("Images are not mounted at {Directory}, the API is served all the same: {Reason}", wanted.Directory, failure.Message);
            return null;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await retrying;
        if (control is not null)
        {
            await control.DisposeAsync();
        }

        if (mount is not null)
        {
            if (mount.IsKept)
            {
                await images.LeaveMountAsync();
            }

            await mount.StopAsync(stopTimeout);
        }

        stopping.Dispose();
    }

    private static async Task<(ImageMount Mount, ControlSocket? Control)> MountAsync(
        ImageServices images, Caller viewer, ImageMountOptions options, ILoggerFactory loggers, ILogger logger, CancellationToken cancellationToken)
    {
        var local = new LocalImageSource(images, viewer);
        var cached = images.Downloads.Cache is { } cache ? new CachedImageSource(local, cache) : null;
        var control = cached is not null ? ControlSocket.TryStart(cached.Cache.Options.Directory, new MountSteering(cached, logger), logger) : null;
        if (cached is not null)
        {
            cached.Control = control?.Path;
        }

        try
        {
            return (await ImageMount.StartAsync(cached is null ? local : cached, options, loggers, cancellationToken), control);
        }
        catch
        {
            if (control is not null)
            {
                await control.DisposeAsync();
            }

            throw;
        }
    }

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        var (begun, steering) = await start(cancellationToken);
        control = steering;
        if (!begun.IsTakenOver)
        {
            images.BeginMount();
        }

        Volatile.Write(ref mount, begun);
    }

    private async Task RetryAsync()
    {
        while (true)
        {
            try
            {
                await Task.Delay(retryInterval, stopping.Token);
                await BeginAsync(stopping.Token);
                logger.LogInformation("Images are mounted at {Directory} now", Directory);
                return;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception failure)
            {
                logger.LogDebug("Images are still not mounted at {Directory}: {Reason}", Directory, failure.Message);
            }
        }
    }

    private static ConfigurationException NoSuchGroup(GatewayConfiguration configuration, string group) =>
        new([new ConfigurationProblem(configuration.File ?? "configuration", "mount.group", $"there is no group '{group}'; create it, or name one that exists, or give a number")]);
}
