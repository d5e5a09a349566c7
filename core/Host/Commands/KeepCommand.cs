using System.CommandLine;
using GlanceGateway.Fuse;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Host.Serving;

namespace GlanceGateway.Host.Commands;

/// <summary><c>mount keep</c> and <c>mount kept</c>: the process with privilege behind mounts that others serve, and what it holds.</summary>
internal sealed class KeepCommand(CommandTerminal terminal, GatewayEnvironment environment, TimeProvider time)
{
    /// <summary>Where a keeper listens when nobody says otherwise.</summary>
    public const string StandardSocket = "/run/glance-gateway/keeper.sock";

    private readonly Option<string> _socket = new("--socket") { HelpName = "SOCKET", Description = "Where it listens; others must not be able to write in that directory", DefaultValueFactory = _ => StandardSocket };

    private readonly Option<string[]> _users = new("--user") { HelpName = "USER", Description = "Who may have mounts kept, by name or number, on directories that are his own; may be repeated. Root always may", Arity = ArgumentArity.ZeroOrMore };

    private readonly Option<string?> _grace = new("--grace") { HelpName = "TIME", Description = "How long readers wait for the next process to serve a mount, such as 10m, before they get an error and it is unmounted. Default: without limit" };

    private readonly Option<bool> _store = new("--fd-store") { Description = "The service manager stores descriptors though it does not say so in $FDSTORE, as systemd before 254" };

    /// <summary>Gives <c>keep</c> its flags.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_socket, _users, _grace, _store])
            command.Options.Add(option);
    }

    /// <summary>Gives <c>kept</c> its flag.</summary>
    public void AddSocketTo(Command command) => command.Options.Add(_socket);

    /// <summary>Keeps until interrupted.</summary>
    public async Task<int> KeepAsync(ParseResult line, bool json, CancellationToken cancellationToken)
    {
        var options = Read(line);
        using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(new LogConfiguration(), terminal.Error, time));
        var logger = loggers.CreateLogger("GlanceGateway.Keeper");
        if (!FuseMount.MayMountDirectly)
        {
            terminal.WriteError("a keeper mounts for others, which takes CAP_SYS_ADMIN: run it as root");
            return ExitCodes.Failure;
        }

        using var keeper = Keeper.Start(options, logger);
        if (json)
            terminal.WriteJson(new KeepingResult(options.Socket, keeper.Mounts.Count), LineJson.Default.KeepingResult);
        else
            terminal.WriteLine($"mounts are kept at {options.Socket}{(options.Store is not { Stores: true } ? "; without a service manager that stores descriptors they end with this process and the one that serves them" : "")}");
        terminal.Output.Flush();
        await using var notices = ServiceNotices.Ready(() => [], time, logger);
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        notices.TellStopping();
        logger.LogInformation("Asked to stop; what is served goes on being served");
        return ExitCodes.Success;
    }

    /// <summary>Shows what a keeper holds.</summary>
    public int List(ParseResult line, bool json)
    {
        try
        {
            var mounts = KeptMount.List(Path.GetFullPath(line.GetRequiredValue(_socket), environment.CurrentDirectory));
            if (json)
            {
                foreach (var mount in mounts)
                    terminal.WriteJson(new KeptResult(mount.MountPoint, mount.User, mount.Process == 0 ? null : mount.Process, mount.Generation), LineJson.Default.KeptResult);
                return ExitCodes.Success;
            }

            foreach (var mount in mounts)
                terminal.WriteLine($"{mount.MountPoint}: {(mount.Process == 0 ? "nobody serves it, readers wait" : $"served by the process {mount.Process}")}, for the user {mount.User}");
            if (mounts.Count == 0)
                terminal.WriteLine("nothing is mounted");
            return ExitCodes.Success;
        }
        catch (FuseMountException refused)
        {
            terminal.WriteError(refused.Message);
            return ExitCodes.Failure;
        }
    }

    private KeeperOptions Read(ParseResult line)
    {
        List<ConfigurationProblem> problems = [];
        List<uint> users = [];
        foreach (var name in line.GetValue(_users) ?? [])
        {
            if (LinuxUsers.UserId(name) is { } user)
                users.Add(user);
            else
                problems.Add(new("command line", "--user", $"there is no user '{name}'; create it, or name one that exists, or give a number"));
        }

        TimeSpan? grace = null;
        if (line.GetValue(_grace) is { } text)
        {
            if (ValueFormats.TryParseDuration(text, out var parsed) && parsed > TimeSpan.Zero)
                grace = parsed;
            else
                problems.Add(new("command line", "--grace", "it should be a time such as 60s or 10m"));
        }

        return problems.Count > 0 ? throw new ConfigurationException(problems) : new KeeperOptions
        {
            Socket = Path.GetFullPath(line.GetRequiredValue(_socket), environment.CurrentDirectory),
            Users = users,
            Grace = grace,
            Mount = new FuseMountOptions { FsName = "glance", Subtype = "glance" },
            Store = DescriptorStore.FromEnvironment(environment.Variables.GetValueOrDefault, line.GetValue(_store)),
        };
    }
}
