using System.Globalization;
using GlanceGateway.Fuse;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Logging;
using GlanceGateway.Host.Policy;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Commands;

/// <summary><c>doctor</c>: tries out what a gateway needs and says how to mend what is wrong. Works beside a gateway that serves; what it writes it removes.</summary>
internal sealed class DoctorCommand(CommandTerminal terminal, TimeProvider time)
{
    /// <summary>Clocks of gateways and database that differ by more make leases end early or late.</summary>
    private static readonly TimeSpan mostClockDifference = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan databaseTimeout = TimeSpan.FromSeconds(30);

    private readonly List<FindingResult> findings = [];

    /// <returns><see cref="ExitCodes.Failure"/> when something is wrong.</returns>
    public async Task<int> RunAsync(GatewayConfiguration configuration, bool json, CancellationToken cancellationToken)
    {
        foreach (var warning in configuration.Warnings)
        {
            Doubtful("configuration", warning, null);
        }

        if (configuration.PolicyFile is { } policy)
        {
            Fine("policy", $"{PolicyFile.Read(policy).Rules.OperatorRules} rules in {policy}");
        }

        CheckDataDirectory(configuration.DataDirectory);
        CheckPlugins(configuration);
        await CheckStoresAsync(configuration, cancellationToken);
        CheckMount(configuration);
        await CheckDatabaseAsync(configuration, cancellationToken);
        CheckClock();

        var healthy = findings.TrueForAll(finding => finding.Verdict != "wrong");
        Write(new DoctorResult(healthy, findings), json);
        return healthy ? ExitCodes.Success : ExitCodes.Failure;
    }

    private void CheckDataDirectory(string directory)
    {
        const UnixFileMode Others = UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        if (!Directory.Exists(directory))
        {
            Doubtful("data", $"{directory} does not exist", "The first start makes it, if its parent lets this user.");
            return;
        }

        var probe = Path.Join(directory, $".doctor-{Guid.NewGuid():N}");
        try
        {
            File.WriteAllText(probe, "");
            File.Delete(probe);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            Wrong("data", $"{directory} cannot be written: {fault.Message}", $"Give it to the gateway's user: chown USER '{directory}', and run doctor as that user.");
            return;
        }

        var mode = File.GetUnixFileMode(directory);
        if ((mode & Others) != UnixFileMode.None)
        {
            Doubtful("data", $"others than the gateway's user get at {directory} (mode {Convert.ToString((int)mode, 8)})", $"chmod 0700 '{directory}'");
            return;
        }

        var free = new DriveInfo(directory).AvailableFreeSpace;
        if (free < 256L << 20)
        {
            Wrong("data", $"{directory} has only {free >> 20} MiB of room for the registry and scratch", "Free some room, or move 'data' to a larger disk.");
            return;
        }

        Fine("data", $"{directory} can be written, and by nobody else");
    }

    private void CheckPlugins(GatewayConfiguration configuration)
    {
        var catalog = PluginCatalog.Scan(configuration.PluginDirectories);
        foreach (var problem in catalog.Problems)
        {
            Wrong("plugins", problem, "Correct 'plugins' in the configuration, or make the directory.");
        }

        var used = configuration.Stores.Select(store => store.Driver).ToHashSet(StringComparer.Ordinal);
        foreach (var plugin in catalog.Plugins)
        {
            if (plugin.Problem is null)
            {
                Fine("plugins", $"{plugin.Name} {plugin.Manifest!.Version} in {plugin.Folder}");
            }
            else if (used.Contains(plugin.Name))
            {
                Wrong("plugins", $"{plugin.Folder}: {plugin.Problem}", "Mend it as the text says; a store needs it.");
            }
            else
            {
                Doubtful("plugins", $"{plugin.Folder}: {plugin.Problem}", "No store uses it; mend or remove it.");
            }
        }
    }

    private async Task CheckStoresAsync(GatewayConfiguration configuration, CancellationToken cancellationToken)
    {
        // A serving gateway's scratch must not be emptied under it.
        var scratch = Directory.CreateTempSubdirectory("glance-gateway-");
        try
        {
            var quiet = configuration.Log with { Level = LogLevel.None, File = null };
            using var loggers = LoggerFactory.Create(builder => builder.AddGatewayLog(quiet, terminal.Error, time));
            await using var stores = await ConfiguredStores.OpenAsync(configuration, scratch.FullName, loggers, time, cancellationToken);
            var probes = await Task.WhenAll(stores.All.Select(async store => (store, probe: await new StoreProbe(store).RunAsync(cancellationToken))));
            foreach (var (store, steps) in probes)
            {
                foreach (var step in steps)
                {
                    var check = $"store {store.Id}: {step.Name}";
                    findings.Add(step.Verdict == ProbeVerdict.Fine
                        ? new FindingResult(check, "fine", string.Create(CultureInfo.InvariantCulture, $"{step.Took.TotalMilliseconds:0.#} ms"), null)
                        : new FindingResult(check, step.Verdict.ToString().ToLowerInvariant(), step.Problem ?? "", step.Remedy));
                }
            }
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    private void CheckMount(GatewayConfiguration configuration)
    {
        if (configuration.Mount is { Keeper: { } keeper })
        {
            try
            {
                var mounts = KeptMount.List(keeper).Count;
                Fine("fuse", $"the keeper at {keeper} answers and holds {mounts} {(mounts == 1 ? "mount" : "mounts")}");
            }
            catch (FuseMountException refused)
            {
                Wrong("fuse", refused.Message, "Start the keeper as root (glance-gateway mount keep --user USER, or its systemd unit), naming the user that serves.");
            }

            return;
        }

        var privileged = Environment.IsPrivilegedProcess;
        var helper = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Join(folder, "fusermount3")));
        var (text, remedy) = !File.Exists("/dev/fuse")
            ? ("there is no /dev/fuse", "Load the module (modprobe fuse); in a container pass the device in (--device /dev/fuse).")
            : !privileged && !helper
                ? ("an ordinary user cannot mount without fusermount3", "Install the package fuse3, or serve as root.")
                : ("", "");
        if (text.Length == 0)
        {
            var passthrough = privileged && Environment.OSVersion.Version >= new Version(6, 9);
            Fine("fuse", $"images can be mounted{(passthrough ? ", the kernel reading local files itself" : ", without passthrough (it takes root and Linux 6.9)")}");
        }
        else if (configuration.Mount is null)
        {
            Doubtful("fuse", $"{text}; no mount is configured", remedy);
        }
        else
        {
            Wrong("fuse", text, remedy);
        }
    }

    private async Task CheckDatabaseAsync(GatewayConfiguration configuration, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(databaseTimeout);
        try
        {
            if (RegistryPlace.Postgres(configuration) is null)
            {
                await CheckSqliteAsync(DataDirectory.RegistryFileIn(configuration.DataDirectory), limit.Token);
                return;
            }

            await using var registry = await ImageRegistry.OpenAsync(
                RegistryPlace.Options(configuration, data: null), time, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, limit.Token);
            var difference = await registry.WriteAsync((tx, _) => Task.FromResult(tx.Now), limit.Token) - time.GetUtcNow();
            if (difference.Duration() > mostClockDifference)
            {
                Wrong("database", string.Create(CultureInfo.InvariantCulture, $"its clock is {difference.TotalSeconds:0.#} s away from this machine's"), "Let both follow the same time servers (chrony, systemd-timesyncd).");
                return;
            }

            foreach (var store in StoreDisagreement.Find(await registry.ListPlacesAsync(limit.Token), time.GetUtcNow()))
            {
                Doubtful("gateways", $"{store.Name} {store.Text}", "Let all gateways use one that they share, or give the stores different names.");
            }

            Fine("database", $"{RegistryPlace.Of(configuration)} answers and has this version's schema");
        }
        catch (RegistryException fault)
        {
            Wrong("database", fault.Message, "Mend it as the text says.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Wrong("database", $"no answer within {databaseTimeout.TotalSeconds:0} s", "Check the address in 'database.connection' and the way there.");
        }
    }

    private async Task CheckSqliteAsync(string path, CancellationToken cancellationToken)
    {
        if (!File.Exists(path))
        {
            Doubtful("database", $"there is no registry at {path} yet", "The first start makes it.");
            return;
        }

        await using var registry = await RegistryReader.OpenAsync(path, cancellationToken);
        await registry.FindImageAsync(Guid.Empty.ToString(), cancellationToken);
        Fine("database", $"{path} can be read and has this version's schema");
    }

    private void CheckClock()
    {
        if (LinuxClock.IsSynchronised())
        {
            Fine("clock", "follows a time server");
        }
        else
        {
            Doubtful("clock", "the kernel does not know it to follow a time server", "Run chrony or systemd-timesyncd; tokens, leases and signatures depend on the time.");
        }
    }

    private void Fine(string check, string text) => findings.Add(new FindingResult(check, "fine", text, null));

    private void Doubtful(string check, string text, string? remedy) => findings.Add(new FindingResult(check, "doubtful", text, remedy));

    private void Wrong(string check, string text, string remedy) => findings.Add(new FindingResult(check, "wrong", text, remedy));

    private void Write(DoctorResult result, bool json)
    {
        if (json)
        {
            terminal.WriteJson(result, CommandJson.Readable.DoctorResult);
            return;
        }

        foreach (var finding in result.Findings)
        {
            var mark = finding.Verdict switch
            {
                "fine" => "ok  ",
                "doubtful" => "note",
                _ => "BAD ",
            };
            terminal.WriteLine($"{mark}  {finding.Check}: {finding.Text}");
            if (finding.Remedy is { } remedy)
            {
                terminal.WriteLine($"      → {remedy}");
            }
        }

        terminal.WriteLine(result.Healthy ? "Nothing is wrong." : $"{result.Findings.Count(finding => finding.Verdict == "wrong")} things are wrong.");
    }
}
