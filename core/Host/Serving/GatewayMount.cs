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
    private readonly Func<CancellationToken, Task<ImageMount>> start;
    private readonly ILogger logger;
    private ImageMount? mount;
    private Task retrying = Task.CompletedTask;

    private GatewayMount(string directory, Func<CancellationToken, Task<ImageMount>> start, ILogger logger)
    {
        Directory = directory;
        this.start = start;
        this.logger = logger;
    }

    /// <summary>Where the images are files.</summary>
    public string Directory { get; }

    /// <summary>Whether they are by now.</summary>
    public bool IsMounted => Volatile.Read(ref mount) is not null;

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
        };
        var mount = new GatewayMount(wanted.Directory, token => ImageMount.StartAsync(new LocalImageSource(images, viewer), options, loggers, token), logger);
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
        if (mount is not null)
        {
            await mount.StopAsync(stopTimeout);
        }

        stopping.Dispose();
    }

    private async Task BeginAsync(CancellationToken cancellationToken) => Volatile.Write(ref mount, await start(cancellationToken));

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
