using GlanceGateway.Fuse;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Mounting;
using GlanceGateway.Images;
using GlanceGateway.View;

namespace GlanceGateway.Host.Serving;

/// <summary>The mount in the serving process.</summary>
/// <remarks>A machine that cannot mount still serves the API: then there is one line that says what is missing.</remarks>
internal sealed class GatewayMount : IAsyncDisposable
{
    /// <summary>How long files that are still open are served after the gateway was asked to stop.</summary>
    private static readonly TimeSpan stopTimeout = TimeSpan.FromSeconds(10);

    private readonly ImageMount mount;
    private readonly ControlSocket? control;

    private GatewayMount(ImageMount mount, ControlSocket? control, string directory)
    {
        this.mount = mount;
        this.control = control;
        Directory = directory;
    }

    /// <summary>Where the images are files.</summary>
    public string Directory { get; }

    /// <summary>Whether the kernel reads local files itself.</summary>
    public bool IsPassthrough => mount.PassthroughActive;

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
        try
        {
            LinuxFiles.MakeMountPoint(wanted.Directory);
            var local = new LocalImageSource(images, viewer);
            var cached = images.Downloads.Cache is { } cache ? new CachedImageSource(local, cache) : null;
            var control = cached is not null ? ControlSocket.TryStart(cached.Cache.Options.Directory, new MountSteering(cached, logger), logger) : null;
            if (cached is not null)
            {
                cached.Control = control?.Path;
            }

            ImageMount mounted;
            try
            {
                mounted = await ImageMount.StartAsync(cached is null ? local : cached, options, loggers, cancellationToken);
            }
            catch
            {
                if (control is not null)
                {
                    await control.DisposeAsync();
                }

                throw;
            }

            if (privileged && !mounted.IsKept)
            {
                logger.LogInformation("This process serves the mount as root and a crash of it ends the mount; with a keeper (mount.keeper) it needs no privilege and the mount stays.");
            }

            return new GatewayMount(mounted, control, wanted.Directory);
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
        if (control is not null)
        {
            await control.DisposeAsync();
        }

        await mount.StopAsync(stopTimeout);
    }

    private static ConfigurationException NoSuchGroup(GatewayConfiguration configuration, string group) =>
        new([new ConfigurationProblem(configuration.File ?? "configuration", "mount.group", $"there is no group '{group}'; create it, or name one that exists, or give a number")]);
}
