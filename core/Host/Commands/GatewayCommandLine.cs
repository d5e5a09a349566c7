using System.CommandLine;
using System.CommandLine.Help;
using System.Net.Sockets;
using GlanceGateway.Abstractions;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Mounting;
using GlanceGateway.Registry;

namespace GlanceGateway.Host.Commands;

/// <summary>The <c>glance-gateway</c> command: its sub-commands, its flags, and what becomes of errors.</summary>
public sealed class GatewayCommandLine(GatewayEnvironment environment, CommandTerminal terminal, TimeProvider time)
{
    private readonly ConfigurationOptions _configuration = new();
    private readonly ExplainOptions _explain = new();
    private readonly MountFlags _mount = new();
    private readonly PluginTestOptions _pluginTest = new();

    private readonly Option<bool> _json = new("--json")
    {
        Recursive = true,
        Description = "Write the result as JSON",
    };

    private readonly Argument<string> _cached = new("image") { Description = "The image's id" };

    private readonly Argument<string?> _cachedOrAll = new("image") { Description = "The image's id. Default: all", Arity = ArgumentArity.ZeroOrOne };

    private readonly Option<bool> _probe = new("--probe")
    {
        Description = "Write, read and delete a small object in each store, and show how long that took",
    };

    /// <summary>Runs a command line to its exit code; see <see cref="ExitCodes"/>.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="cancellationToken">Asks the command to end in good order.</param>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var line = Build(arguments).Parse(arguments);
        if (line.Errors.Count > 0)
        {
            // The library also misses a sub-command where one is misspelt; the misspelt word is the one thing to say then.
            var problems = line.Errors.Select(error => error.Message).ToList();
            foreach (var problem in line.UnmatchedTokens.Count > 0 ? problems.Where(text => line.UnmatchedTokens.Any(text.Contains)) : problems)
            {
                terminal.WriteError(problem);
            }

            terminal.Error.WriteLine("'glance-gateway --help' shows what there is.");
            return ExitCodes.Usage;
        }

        var invocation = new InvocationConfiguration
        {
            Output = terminal.Output,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            // Signals are the program's own affair: a gateway that drains may need longer than this library's two seconds.
            ProcessTerminationTimeout = null,
        };
        try
        {
            return await line.InvokeAsync(invocation, cancellationToken);
        }
        catch (ConfigurationException refused)
        {
            terminal.WriteError(refused.Message);
            return ExitCodes.Usage;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            terminal.WriteError("interrupted");
            return ExitCodes.Failure;
        }
        catch (Exception fault) when (fault is DataDirectoryException or RegistryException or StoreException or IOException or UnauthorizedAccessException)
        {
            terminal.WriteError(fault.Message);
            return ExitCodes.Failure;
        }
        catch (SocketException fault)
        {
            terminal.WriteError($"cannot listen: {fault.Message}; see 'listen' in the configuration");
            return ExitCodes.Failure;
        }
        catch (Exception fault)
        {
            // Left alone it would abort the process with a core dump and an exit code that looks like a signal.
            terminal.WriteError($"this should not happen, please report it: {fault}");
            return ExitCodes.Failure;
        }
    }

    private RootCommand Build(IReadOnlyList<string> arguments)
    {
        var metadefs = new MetadefsCommands(terminal, time);
        var root = new RootCommand("An image service for virtual machine images: the OpenStack Images API and a read-only mount over storage drivers.")
        {
            Branch("stores", "The configured stores", Leaf(
                "list",
                "Start every configured store and show its state and room",
                command =>
                {
                    _configuration.AddPlace(command);
                    command.Options.Add(_probe);
                },
                (line, json, token) => new StoresListCommand(terminal, time).RunAsync(Load(line), line.GetValue(_probe), json, token))),
            Branch("plugins", "The installed storage drivers", Leaf(
                "list",
                "Show the storage drivers that are installed, without running them",
                _configuration.AddPlace,
                (line, json, _) => Task.FromResult(new PluginsListCommand(terminal).Run(Load(line), json))),
            Leaf(
                "test",
                "Try a driver out against every promise of the contract",
                _pluginTest.AddTo,
                (line, json, token) => new PluginsTestCommand(terminal, time).RunAsync(_pluginTest.Read(line), json, token))),
            Branch(
                "cache",
                "The block cache, while no gateway serves from it",
                Leaf("status", "Show what the cache holds", _configuration.AddPlace, (line, json, _) => new CacheCommands(terminal, time).StatusAsync(Load(line), json)),
                Leaf("pin", "Keep an image in the cache whatever room is needed", AddCached, (line, _, _) => new CacheCommands(terminal, time).PinAsync(Load(line), line.GetValue(_cached)!, pinned: true)),
                Leaf("unpin", "Let an image be evicted again", AddCached, (line, _, _) => new CacheCommands(terminal, time).PinAsync(Load(line), line.GetValue(_cached)!, pinned: false)),
                Leaf("evict", "Remove an image from the cache", AddCached, (line, _, _) => new CacheCommands(terminal, time).EvictAsync(Load(line), line.GetValue(_cached)!)),
                Leaf(
                    "verify",
                    "Compare everything in the cache, or one image, with its checksums and forget what is wrong",
                    command =>
                    {
                        command.Arguments.Add(_cachedOrAll);
                        _configuration.AddPlace(command);
                    },
                    (line, _, token) => new CacheCommands(terminal, time).VerifyAsync(Load(line), line.GetValue(_cachedOrAll), token))),
            Branch("db", "The registry's database", Leaf(
                "migrate",
                "Bring the registry to this version's schema; on SQLite the gateway must not run",
                _configuration.AddPlace,
                (line, json, token) => new MigrateCommand(terminal, time).RunAsync(Load(line), json, token))),
            Branch(
                "metadefs",
                "Metadata definitions: what properties mean",
                Leaf(
                    "load",
                    "Load definitions from files in Glance's form, or those that come with the gateway",
                    command =>
                    {
                        metadefs.AddLoadOptions(command);
                        _configuration.AddPlace(command);
                    },
                    (line, json, token) => metadefs.LoadAsync(Load(line), line, json, token)),
                Leaf(
                    "unload",
                    "Delete namespaces with all that they hold, protected ones too",
                    command =>
                    {
                        metadefs.AddUnloadOptions(command);
                        _configuration.AddPlace(command);
                    },
                    (line, json, token) => metadefs.UnloadAsync(Load(line), line, json, token)),
                Leaf(
                    "export",
                    "Write every namespace to a file that 'load' takes",
                    command =>
                    {
                        MetadefsCommands.AddExportOptions(command);
                        _configuration.AddPlace(command);
                    },
                    (line, json, token) => metadefs.ExportAsync(Load(line), line, json, token))),
            Branch(
                "config",
                "The configuration file",
                Leaf(
                    "check",
                    "Say what is wrong with the configuration, or what it comes to",
                    _configuration.AddAll,
                    (line, json, _) => Task.FromResult(new ConfigCommands(terminal).Check(() => Load(line), json))),
                Leaf(
                    "sample",
                    "Print a documented configuration file with every key",
                    _ => { },
                    (_, json, _) => Task.FromResult(new ConfigCommands(terminal).PrintSample(json)))),
            Leaf(
                "doctor",
                "Try everything out that a gateway needs, and say what is wrong and how to mend it",
                _configuration.AddAll,
                (line, json, token) => new DoctorCommand(terminal, time).RunAsync(Load(line), json, token)),
            Leaf(
                "explain",
                "Say whether somebody may do something to an image, and which rule decides it",
                command =>
                {
                    _explain.AddTo(command);
                    _configuration.AddPlace(command);
                },
                (line, json, token) => new ExplainCommand(terminal).RunAsync(Load(line), _explain.Read(line), json, token)),
            Leaf(
                "version",
                "Show the version",
                _ => { },
                (_, json, _) => Task.FromResult(new VersionCommand(terminal).Run(json))),
        };
        root.Subcommands.Insert(0, Leaf(
            "serve",
            "Serve the Images API, and the mount if there is one, until interrupted",
            _configuration.AddAll,
            (line, json, token) => new ServeCommand(terminal, time).RunAsync(() => Load(line), json, token)));
        root.Subcommands.Insert(1, Mount(arguments));
        // The library's own --version prints the commit as well, and goes with no other flag.
        root.Options.Remove(root.Options.OfType<VersionOption>().Single());
        root.Options.Add(new Option<bool>("--version")
        {
            Description = "Show the version",
            Action = new VersionFlag(new VersionCommand(terminal), _json),
        });
        root.Options.Add(_json);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpText((HelpAction)help.Action!);
        return root;
    }

    private void AddCached(Command command)
    {
        command.Arguments.Add(_cached);
        _configuration.AddPlace(command);
    }

    private Command Mount(IReadOnlyList<string> arguments)
    {
        var command = new MountCommand(terminal, environment, time);
        var mount = Leaf(
            "mount",
            "Show the images of a remote service as read-only files, until interrupted or unmounted",
            _mount.AddTo,
            (line, json, token) => command.RunAsync(_mount.Read(line, environment), arguments, json, token));
        var directory = new Argument<string>("DIR") { Description = "Where the images are mounted" };
        var keeper = new Option<string?>("--keeper") { HelpName = "SOCKET", Description = $"Have the keeper unmount. Default: for others than root, {KeepCommand.StandardSocket} if it is there" };
        mount.Subcommands.Add(Leaf("stop", "Unmount; files that are open are served a little longer", leaf =>
        {
            leaf.Arguments.Add(directory);
            leaf.Options.Add(keeper);
        }, (line, json, _) => Task.FromResult(command.Stop(line.GetRequiredValue(directory), line.GetValue(keeper), json))));
        var keep = new KeepCommand(terminal, environment, time);
        mount.Subcommands.Add(Leaf("keep", "Mount for processes without privilege, and hold what they serve when they are restarted or die; as root", keep.AddTo, (line, json, token) => keep.KeepAsync(line, json, token)));
        mount.Subcommands.Add(Leaf("kept", "Show which mounts a keeper holds, and who serves them", keep.AddSocketTo, (line, json, _) => Task.FromResult(keep.List(line, json))));
        mount.Subcommands.Add(Leaf("status", "Show how a mount, its endpoints and its cache are", leaf => leaf.Arguments.Add(directory), (line, json, token) => command.StatusAsync(line.GetRequiredValue(directory), json, token)));
        var check = new MountCheckCommand(terminal, environment);
        mount.Subcommands.Add(Leaf("check", "Hold a mount, of whatever make, to what hypervisors expect of it", check.AddTo, (line, json, token) => Task.FromResult(check.Run(line, json, token))));
        AddSteering(mount, directory);
        return mount;
    }

    /// <summary>What is done to the cache of a mount while it is mounted.</summary>
    private void AddSteering(Command mount, Argument<string> directory)
    {
        var images = new Argument<string[]>("IMAGE") { Description = "Ids, names, or tag:NAME; a name means every image that has it (name:NAME where it looks like something else)", Arity = ArgumentArity.OneOrMore };
        var cached = new Argument<string[]>("IMAGE") { Description = "Ids, names, or tag:NAME. Default: everything in the cache", Arity = ArgumentArity.ZeroOrMore };
        var pin = new Option<bool>("--pin") { Description = "Pin as well" };
        var force = new Option<bool>("--force") { Description = "Also what is pinned" };
        foreach (var (name, description, argument, option) in new (string, string, Argument<string[]>, Option<bool>?)[]
        {
            ("pin", "Keep images in the cache of a mount whatever room is needed; what is missing comes as it is read", images, null),
            ("unpin", "Let images be evicted again", images, null),
            ("warm", "Fetch all of some images into the cache of a mount, and verify them", images, pin),
            ("hydrate", "Write the disks inside some images into the cache as raw files, which the kernel then reads itself (raw/ID.raw)", images, pin),
            ("evict", "Remove images from the cache of a mount; who has them open reads on", images, force),
            ("verify", "Compare what the cache of a mount holds with its checksums, and whole images with their hash", cached, null),
        })
        {
            mount.Subcommands.Add(Leaf(
                name,
                description,
                leaf =>
                {
                    leaf.Arguments.Add(directory);
                    leaf.Arguments.Add(argument);
                    if (option is not null)
                        leaf.Options.Add(option);
                },
                (line, json, token) => new MountSteerCommand(terminal, environment).RunAsync(
                    line.GetRequiredValue(directory),
                    new ControlRequest(name, line.GetValue(argument) ?? [], Force: option == force && line.GetValue(force), Pin: option == pin && line.GetValue(pin)),
                    json,
                    token)));
        }
    }

    private GatewayConfiguration Load(ParseResult line) => _configuration.Load(line, environment);

    private static Command Branch(string name, string description, params Command[] leaves)
    {
        var command = new Command(name, description);
        foreach (var leaf in leaves)
        {
            command.Subcommands.Add(leaf);
        }

        return command;
    }

    private Command Leaf(string name, string description, Action<Command> addOptions, Func<ParseResult, bool, CancellationToken, Task<int>> action)
    {
        var command = new Command(name, description);
        addOptions(command);
        command.SetAction((line, token) => action(line, line.GetValue(_json), token));
        return command;
    }
}
