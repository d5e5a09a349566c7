using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GlanceGateway.Testing;

/// <summary>A real <c>glance-gateway mount</c> in a process of its own.</summary>
public sealed class RemoteMount : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private RemoteMount(Process process, string directory) => (_process, Directory) = (process, directory);

    public string Directory { get; }

    public string Log
    {
        get
        {
            lock (_log)
                return _log.ToString();
        }
    }

    /// <summary>What it said when the images were files.</summary>
    public JsonElement Said { get; private set; }

    /// <summary>Mounts below a directory of the test.</summary>
    /// <param name="home">Holds the mount point and the cache.</param>
    /// <param name="arguments">Endpoints and flags; the directory is added.</param>
    public static Task<RemoteMount> StartAsync(TempDirectory home, params string[] arguments) => StartAsync(home, new Dictionary<string, string>(), arguments);

    public static async Task<RemoteMount> StartAsync(TempDirectory home, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        Requires.RootMount();
        var directory = home["images"];
        ProcessStartInfo start = new(
            "dotnet",
            [
                Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", "--json", "--cache", home["cache"], "--cache-min-free", "1MiB", .. arguments, directory,
            ])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        RemoteMount mount = new(Process.Start(start)!, directory);
        mount._process.ErrorDataReceived += (_, line) =>
        {
            lock (mount._log)
                mount._log.AppendLine(line.Data);
        };
        mount._process.BeginErrorReadLine();
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(90));
        if (await mount._process.StandardOutput.ReadLineAsync(timeout.Token) is not { } said)
        {
            await mount._process.WaitForExitAsync(timeout.Token);
            Assert.Fail($"the mount did not start: exit code {mount._process.ExitCode}\n{mount.Log}");
            return mount;
        }

        mount.Said = JsonDocument.Parse(said).RootElement;
        return mount;
    }

    public string FileOf(string id) => Path.Combine(Directory, "by-id", id);

    /// <summary>Whether an image is shown, by a question that the kernel cannot answer from what it remembers.</summary>
    public bool Shows(string id) => System.IO.Directory.EnumerateFileSystemEntries(Path.Combine(Directory, "by-id")).Any(entry => Path.GetFileName(entry) == id);

    public async Task<JsonElement> StatusAsync() => JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Directory, ".status"))).RootElement;

    /// <summary>Reads a file without the page cache having a say in it, in another process, so that a hang ends with its time limit.</summary>
    public static async Task<string> Sha256Async(string file) =>
        (await Command.RunAsync("sha256sum", [file], limit: TimeSpan.FromMinutes(2))).Succeeded().Output.Split(' ')[0].TrimStart('\\');

    /// <summary>Waits until no source lingers after the last close, so that the next open looks anew how the image is best read.</summary>
    public Task ForgetOpensAsync() => EventuallyAsync(async () => (await StatusAsync()).GetProperty("open_sources").GetInt32() == 0, "an image stays open");

    /// <summary>Kills the process and takes away the dead mount, or leaves it to the next start.</summary>
    public async Task KillAsync(bool unmounts = true)
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        if (unmounts)
            await Command.RunAsync("umount", ["-l", Directory]);
    }

    /// <summary>Waits for something that comes by itself.</summary>
    public async Task EventuallyAsync(Func<Task<bool>> condition, string missing, TimeSpan? limit = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < (limit ?? TimeSpan.FromSeconds(60)), $"{missing}\n{Log}");
            await Task.Delay(100);
        }
    }

    public Task EventuallyAsync(Func<bool> condition, string missing, TimeSpan? limit = null) => EventuallyAsync(() => Task.FromResult(condition()), missing, limit);

    /// <summary>Waits until the command has ended by itself.</summary>
    public async Task<int> EndAsync()
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(60));
        await _process.WaitForExitAsync(timeout.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await Command.RunAsync("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            try
            {
                await EndAsync();
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
                await _process.WaitForExitAsync();
                await Command.RunAsync("umount", ["-l", Directory]);
            }
        }

        _process.Dispose();
    }
}
