using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A keeper that runs as root, and processes without privilege that serve its one mount, one after another. Leaves nothing behind.</summary>
internal sealed class KeptSite : IAsyncDisposable
{
    /// <summary>The user "nobody" of Debian.</summary>
    private const string Nobody = "65534";

    private readonly TempDirectory _directory = new();
    private readonly List<Server> _servers = [];
    private ImagesClient? _images;

    /// <summary>A path of its own.</summary>
    public string this[string name] => _directory[name];

    public string Mount => _directory["mount"];

    public string Socket => _directory["run/keeper.sock"];

    public Server Keeper { get; private set; } = null!;

    public ImagesClient Images => _images ?? throw new InvalidOperationException("no gateway was started");

    public Uri Address { get; private set; } = null!;

    public string FileOf(string imageId) => Path.Combine(Mount, "by-id", imageId);

    public string RawOf(string imageId) => Path.Combine(Mount, "raw", imageId + ".raw");

    /// <summary>Starts the keeper; skips the test where that cannot work.</summary>
    public static async Task<KeptSite> StartedAsync()
    {
        Requires.RootMount();
        Requires.PassthroughKernel();
        Requires.Programs("setpriv");
        var product = Path.Combine(RepositoryPaths.Host, "glance-gateway.dll");
        Requires.Need(
            (await Command.RunAsync("setpriv", ["--reuid", Nobody, "--regid", Nobody, "--clear-groups", "test", "-r", product])).ExitCode == 0,
            $"the user 'nobody' cannot read {product}; put the checkout where everybody may");
        var site = new KeptSite();
        File.SetUnixFileMode(site._directory.Path, (UnixFileMode)Convert.ToInt32("755", 8));
        foreach (var own in new[] { site.Mount, site["data"], site["cache"] })
        {
            Directory.CreateDirectory(own);
            (await Command.RunAsync("chown", [$"{Nobody}:{Nobody}", own])).Succeeded();
        }

        await site.KeepAsync();
        return site;
    }

    /// <summary>Starts a keeper, after another one as well.</summary>
    public async Task KeepAsync() => Keeper = await StartAsync(privileged: true, "mount", "keep", "--json", "--socket", Socket, "--user", Nobody);

    /// <summary>Starts a gateway that serves the mount from its own stores, after another one as well.</summary>
    /// <param name="mounted">False for none.</param>
    /// <param name="configuration">A configuration file, in YAML.</param>
    public async Task<Server> ServeAsync(bool mounted = true, string? configuration = null)
    {
        if (configuration is not null)
        {
            await File.WriteAllTextAsync(this["gateway.yaml"], configuration);
        }

        var server = await StartAsync(
            privileged: false,
            [
                "serve", "--json", "--data", this["data"], "--listen", "127.0.0.1:0",
                .. mounted ? (string[])["--mount", Mount, "--keeper", Socket] : [],
                .. configuration is null ? [] : (string[])["--config", this["gateway.yaml"]],
            ]);
        Address = new Uri(server.Said.GetProperty("address").GetString()!);
        _images?.Dispose();
        _images = new ImagesClient(Address);
        return server;
    }

    /// <summary>Starts a process that serves the mount from the gateway.</summary>
    public Task<Server> MountAsync() => StartAsync(
        privileged: false, "mount", "--json", "--cache", this["cache"], "--cache-min-free", "1MiB", "--read-ahead", "0B", "--keeper", Socket, Address.ToString(), Mount);

    /// <summary>What the page <c>.status</c> says.</summary>
    public async Task<JsonElement> StatusAsync() =>
        JsonDocument.Parse((await Command.RunAsync("cat", [Path.Combine(Mount, ".status")])).Succeeded().Output).RootElement;

    public async ValueTask DisposeAsync()
    {
        _images?.Dispose();
        foreach (var server in Enumerable.Reverse(_servers))
        {
            await server.KillAsync();
        }

        if (File.ReadLines("/proc/self/mounts").Any(line => line.Split(' ')[1] == Mount))
        {
            (await Command.RunAsync("umount", ["-l", Mount])).Succeeded();
        }

        _directory.Dispose();
    }

    private async Task<Server> StartAsync(bool privileged, params string[] arguments)
    {
        string[] command = ["dotnet", Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), .. arguments];
        var server = new Server(privileged ? command : ["setpriv", "--reuid", Nobody, "--regid", Nobody, "--clear-groups", .. command]);
        _servers.Add(server);
        await server.AwaitAsync();
        return server;
    }

    /// <summary>A process of the product.</summary>
    internal sealed class Server
    {
        private readonly Process _process;
        private readonly StringBuilder _log = new();

        internal Server(string[] command)
        {
            var start = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
            _process = Process.Start(start)!;
            _process.ErrorDataReceived += (_, line) =>
            {
                lock (_log)
                {
                    _log.AppendLine(line.Data);
                }
            };
            _process.BeginErrorReadLine();
        }

        public int Id => _process.Id;

        /// <summary>What it said when it was ready.</summary>
        public JsonElement Said { get; private set; }

        public string Log
        {
            get
            {
                lock (_log)
                {
                    return _log.ToString();
                }
            }
        }

        /// <summary>Ends it: without warning, or by SIGTERM.</summary>
        public async Task EndAsync(bool killed)
        {
            if (killed)
            {
                await KillAsync();
            }
            else
            {
                Assert.Equal(0, await TerminateAsync());
            }
        }

        public async Task KillAsync()
        {
            if (!_process.HasExited)
            {
                _process.Kill();
            }

            await _process.WaitForExitAsync();
        }

        public async Task<int> TerminateAsync()
        {
            (await Command.RunAsync("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)])).Succeeded();
            return await ExitAsync();
        }

        public async Task<int> ExitAsync()
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(90));
            await _process.WaitForExitAsync(timeout.Token);
            return _process.ExitCode;
        }

        internal async Task AwaitAsync()
        {
            using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(90));
            if (await _process.StandardOutput.ReadLineAsync(timeout.Token) is { } said)
            {
                Said = JsonDocument.Parse(said).RootElement;
                return;
            }

            await _process.WaitForExitAsync(timeout.Token);
            Assert.Fail($"it did not start: exit code {_process.ExitCode}\n{Log}");
        }
    }
}
