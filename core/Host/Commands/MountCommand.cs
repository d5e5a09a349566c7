using System.Diagnostics;
using GlanceGateway.Blocks;
using GlanceGateway.Client;
using GlanceGateway.Fuse;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Host.Metrics;
using GlanceGateway.Host.Mounting;
using GlanceGateway.Host.Serving;
using GlanceGateway.View;

namespace GlanceGateway.Host.Commands;

/// <summary><c>mount</c>: shows the images of a remote service as files, until interrupted or unmounted.</summary>
internal sealed class MountCommand(CommandTerminal terminal, GatewayEnvironment environment, TimeProvider time)
{
    /// <summary>Tells a child that it is the one in the background.</summary>
    private const string BackgroundMark = "GLANCE_GATEWAY_IN_BACKGROUND";

    /// <summary>How long files that are still open are served after the mount was asked to stop.</summary>
    private static readonly TimeSpan stopTimeout = TimeSpan.FromSeconds(10);

    public async Task<int> RunAsync(MountRequest request, IReadOnlyList<string> arguments, bool json, CancellationToken cancellationToken)
    {
        var isChild = environment.Variables.GetValueOrDefault(BackgroundMark) == "1";
        if (request.Background && !isChild)
            return await RunInBackgroundAsync(arguments, cancellationToken);
        if (isChild)
            LinuxUsers.LeaveSession();

        // Nobody reads the standard error of a process in the background.
        Directory.CreateDirectory(request.Cache, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var log = new LogConfiguration { File = request.LogFile ?? (isChild ? Path.Join(request.Cache, "mount.log") : null) };
        using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(log, terminal.Error, time));
        var logger = loggers.CreateLogger("GlanceGateway.Mount");
        await using var metrics = await MetricsEndpoint.StartAsync(request.Metrics, loggers, cancellationToken);
        var cloud = request.Cloud is { } name
            ? new CloudFiles(environment.Variables.GetValueOrDefault, environment.CurrentDirectory).Read(name)
            : CloudEnvironment.Read(environment.Variables.GetValueOrDefault);
        var options = new ClientOptions
        {
            Patience = request.ReadTimeout,
            Authorities = (request.AuthorityFile ?? cloud.AuthorityFile) is { } file ? ClientHttp.ReadAuthorities(file) : null,
            Insecure = request.Insecure || cloud.Insecure,
        };
        using var http = ClientHttp.Create(options, logger);
        var login = cloud.ToLogin(request.Endpoints, http, options, time, logger);
        using var loginEnded = login as IDisposable;
        var client = new ImagesClient(http, login, options, time, logger);

        var blocks = new BlockCacheOptions
        {
            Directory = Path.Join(request.Cache, "blocks"), MaxBytes = request.CacheBytes, MinFreeBytes = request.CacheFreeBytes, MaxReadAheadBytes = request.ReadAheadBytes,
        };
        await using var cache = BlockCache.Open(blocks, time, logger);
        var catalogue = new RemoteCatalogueFile(Path.Join(request.Cache, "catalogue.json"), $"{cloud.Identity} {string.Join(' ', request.Endpoints)}");
        var follow = new RemoteFollowOptions { PollInterval = request.PollInterval, SweepInterval = request.SweepInterval };
        var feed = new RemoteFeed(http, login, options);
        await using var source = new RemoteImageSource(client, feed, cache, catalogue, follow, time, logger);
        await source.StartAsync(cancellationToken);
        var steering = new MountSteering(source, logger);
        await using var control = ControlSocket.TryStart(request.Cache, steering, logger);
        await using var warmList = request.WarmList is { } listed ? new WarmList(listed, request.Cache, steering, source, time, logger) : null;
        (source.Control, source.WarmList) = (control?.Path, warmList);

        LinuxFiles.MakeMountPoint(request.Directory);
        var mountOptions = new ImageMountOptions
        {
            Directory = request.Directory,
            Uid = request.Uid,
            Gid = request.Gid,
            WorldReadable = request.WorldReadable,
            AllowOther = request.AllowOther,
            Keeper = request.Keeper,
            SourceTimeout = request.ReadTimeout,
            CatalogueTimeout = follow.StartPatience,
            VerdictFile = Path.Join(request.Cache, "verdicts.json"),
        };
        ImageMount mount;
        try
        {
            mount = await ImageMount.StartAsync(source, mountOptions, loggers, cancellationToken);
        }
        catch (FuseMountException refused)
        {
            terminal.WriteError(refused.Message);
            return ExitCodes.Failure;
        }

        Announce(request, mount, source, json || isChild);
        await using var notices = ServiceNotices.Ready(() => mount.Answering, time, logger);
        _ = await Task.WhenAny(mount.Completion, Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken));
        var wasAsked = cancellationToken.IsCancellationRequested;
        notices.TellStopping();
        if (!mount.IsKept)
            logger.LogInformation("{Reason}; files that are open are served for {Seconds} s more at most", wasAsked ? "Asked to stop" : "Unmounted", stopTimeout.TotalSeconds);
        return await mount.StopAsync(stopTimeout, CancellationToken.None) ? ExitCodes.Success : ExitCodes.Failure;
    }

    /// <summary><c>mount stop</c>: unmounts; the process that serves it ends by itself.</summary>
    public int Stop(string directory, string? keeper, bool json)
    {
        var path = Path.GetFullPath(directory, environment.CurrentDirectory);
        keeper ??= !environment.IsRoot && File.Exists(KeepCommand.StandardSocket) ? KeepCommand.StandardSocket : null;
        UnmountOutcome outcome;
        try
        {
            outcome = keeper is null ? FuseMount.Unmount(path, "glance") : KeptMount.Unmount(Path.GetFullPath(keeper, environment.CurrentDirectory), path);
        }
        catch (FuseMountException refused)
        {
            terminal.WriteError(refused.Message);
            return ExitCodes.Failure;
        }

        switch (outcome)
        {
            case UnmountOutcome.Unmounted or UnmountOutcome.Detached:
                if (json)
                    terminal.WriteJson(new UnmountedResult(path, outcome == UnmountOutcome.Detached), LineJson.Default.UnmountedResult);
                else
                    terminal.WriteLine(outcome == UnmountOutcome.Detached ? $"{path} is unmounted; files that are open are served for {stopTimeout.TotalSeconds} s more at most" : $"{path} is unmounted");
                return ExitCodes.Success;
            case UnmountOutcome.AlreadyGone:
                terminal.WriteError($"no images are mounted at {path}; 'grep glance /proc/mounts' shows where they are");
                return ExitCodes.Failure;
            default:
                terminal.WriteError($"{path} could not be unmounted; only root and who mounted it may");
                return ExitCodes.Failure;
        }
    }

    /// <summary><c>mount status</c>: the page <c>.status</c> of a mount.</summary>
    public async Task<int> StatusAsync(string directory, bool json, CancellationToken cancellationToken)
    {
        var path = Path.GetFullPath(directory, environment.CurrentDirectory);
        if (!LinuxUsers.IsMountPoint(path))
        {
            terminal.WriteError($"nothing is mounted at {path}");
            return ExitCodes.Failure;
        }

        var page = await File.ReadAllTextAsync(Path.Join(path, ".status"), cancellationToken);
        if (json)
        {
            terminal.Output.Write(page);
            return ExitCodes.Success;
        }

        return await MountStatus.WriteAsync(page, terminal, control => MountSteerCommand.ListAsync(control, cancellationToken));
    }

    /// <summary>Starts this program once more, and ends when that one has mounted.</summary>
    private async Task<int> RunInBackgroundAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var program = Environment.ProcessPath ?? throw new InvalidOperationException("The program's own path is not known.");
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = environment.CurrentDirectory };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
            start.ArgumentList.Add(Path.Join(environment.ProgramDirectory, "glance-gateway.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment[BackgroundMark] = "1";
        using var child = Process.Start(start)!;
        child.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { } text)
                terminal.Error.WriteLine(text);
        };
        child.BeginErrorReadLine();
        string? said;
        try
        {
            said = await child.StandardOutput.ReadLineAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            child.Kill();
            throw;
        }

        if (said is null)
        {
            // Its words come through with the wait.
            await child.WaitForExitAsync(cancellationToken);
            return child.ExitCode == 0 ? ExitCodes.Failure : child.ExitCode;
        }

        terminal.Output.WriteLine(said);
        return ExitCodes.Success;
    }

    private void Announce(MountRequest request, ImageMount mount, RemoteImageSource source, bool json)
    {
        if (json)
            terminal.WriteJson(new MountedResult(request.Directory, mount.Images, source.IsReachable, mount.PassthroughActive, Environment.ProcessId), LineJson.Default.MountedResult);
        else
            terminal.Output.WriteLine(
                $"images are files in {request.Directory}{(source.IsReachable ? "" : "; no endpoint answers, so these are the last known ones")}{(mount.PassthroughActive ? "" : " (without passthrough)")}");
        terminal.Output.Flush();
    }
}
