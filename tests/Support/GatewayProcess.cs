using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GlanceGateway.Testing;

/// <summary>A real <c>glance-gateway serve</c> on a free port of loopback, started and stopped by the test.</summary>
public sealed class GatewayProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly StringBuilder log = new();
    private int disposed;

    private GatewayProcess(Process process) => this.process = process;

    /// <summary>Where it answers.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Its process id.</summary>
    public int Id => process.Id;

    /// <summary>What it wrote to standard error so far.</summary>
    public string Log
    {
        get
        {
            lock (log)
            {
                return log.ToString();
            }
        }
    }

    /// <summary>The most memory it ever had resident, in bytes.</summary>
    public long PeakMemory
    {
        get
        {
            var line = File.ReadLines($"/proc/{Id}/status").Single(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        }
    }

    /// <summary>Starts it and waits until it answers.</summary>
    /// <param name="dataDirectory">Where it keeps everything.</param>
    /// <param name="arguments">More arguments of <c>serve</c>.</param>
    public static Task<GatewayProcess> StartAsync(string dataDirectory, params string[] arguments) =>
        StartAsync(dataDirectory, new Dictionary<string, string>(), arguments);

    /// <inheritdoc cref="StartAsync(string, string[])"/>
    /// <param name="environment">Added to this process's.</param>
    public static async Task<GatewayProcess> StartAsync(string dataDirectory, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            "dotnet",
            [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "serve", "--json", "--data", dataDirectory, "--listen", "127.0.0.1:0", .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var gateway = new GatewayProcess(Process.Start(start)!);
        gateway.process.ErrorDataReceived += (_, line) =>
        {
            lock (gateway.log)
            {
                gateway.log.AppendLine(line.Data);
            }
        };
        gateway.process.BeginErrorReadLine();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        try
        {
            if (await gateway.process.StandardOutput.ReadLineAsync(timeout.Token) is { } said)
            {
                gateway.Address = new Uri(JsonDocument.Parse(said).RootElement.GetProperty("address").GetString()!);
                return gateway;
            }

            await gateway.process.WaitForExitAsync(timeout.Token);
            Assert.Fail($"glance-gateway did not start: exit code {gateway.process.ExitCode}\n{gateway.Log}");
        }
        catch (OperationCanceledException)
        {
            await gateway.KillAsync();
            Assert.Fail($"glance-gateway did not answer within 90 s\n{gateway.Log}");
        }

        return gateway;
    }

    /// <summary>Kills it without warning.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>Asks it to stop (SIGTERM) and waits.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> TerminateAsync(TimeSpan? limit = null)
    {
        (await Command.RunAsync("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)])).Succeeded();
        using var timeout = new CancellationTokenSource(limit ?? TimeSpan.FromSeconds(90));
        await process.WaitForExitAsync(timeout.Token);
        return process.ExitCode;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }

        if (!process.HasExited)
        {
            // In good order first: a killed gateway leaves its mount behind.
            try
            {
                await TerminateAsync(TimeSpan.FromSeconds(20));
            }
            catch (OperationCanceledException)
            {
                await KillAsync();
            }
        }

        process.Dispose();
    }
}
