using System.Text.Json;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Host.Mounting;

namespace GlanceGateway.Host.Commands;

/// <summary><c>mount pin|unpin|warm|hydrate|evict|verify</c>: has the process of a mount look after its cache.</summary>
internal sealed class MountSteerCommand(CommandTerminal terminal, GatewayEnvironment environment)
{
    /// <summary>Asks the mount, shows how far it is, and says what became of each image.</summary>
    /// <returns>1 when anything failed for any image.</returns>
    public async Task<int> RunAsync(string directory, ControlRequest request, bool json, CancellationToken cancellationToken)
    {
        var path = Path.GetFullPath(directory, environment.CurrentDirectory);
        if (await FindControlAsync(path, cancellationToken) is not { } control)
            return ExitCodes.Failure;
        List<SteeredResult> results = [];
        await foreach (var line in ControlClient.AskAsync(control, request, cancellationToken))
        {
            if (line.Progress is { } progress && !json)
                terminal.ShowProgress($"{progress.Name ?? progress.Image}: {progress.Phase} {MountSteering.Size(progress.Bytes)} of {MountSteering.Size(progress.Total)} ({Percent(progress)} %)");
            if (line.Image is not { } result)
                continue;
            results.Add(result);
            if (json)
                continue;
            terminal.EndProgress();
            if (result.Problem is { } problem)
                terminal.WriteError($"{Named(result)}: {problem}");
            else
                terminal.WriteLine($"{Named(result)}: {result.Outcome}");
        }

        if (json)
            terminal.WriteJson(new SteeredResults(results), CommandJson.Readable.SteeredResults);
        else if (results.Count == 0)
            terminal.WriteLine("the cache is empty");
        return results.TrueForAll(result => result.Problem is null) ? ExitCodes.Success : ExitCodes.Failure;
    }

    /// <summary>The images of a mount's cache; null when the mount cannot be asked.</summary>
    public static async Task<IReadOnlyList<SteeredResult>?> ListAsync(string control, CancellationToken cancellationToken)
    {
        List<SteeredResult> results = [];
        try
        {
            await foreach (var line in ControlClient.AskAsync(control, new ControlRequest("list", []), cancellationToken))
            {
                if (line.Image is { } result)
                    results.Add(result);
            }
        }
        catch (IOException)
        {
            return null;
        }

        return results;
    }

    private static string Named(SteeredResult result) => result.Name is { } name ? $"{result.Image} ({name})" : result.Image;

    private static int Percent(ControlProgress progress) => progress.Total == 0 ? 100 : (int)(100.0 * progress.Bytes / progress.Total);

    private async Task<string?> FindControlAsync(string path, CancellationToken cancellationToken)
    {
        if (!LinuxUsers.IsMountPoint(path))
        {
            terminal.WriteError($"nothing is mounted at {path}; 'grep glance /proc/mounts' shows where images are");
            return null;
        }

        using var page = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Join(path, ".status"), cancellationToken));
        if (page.RootElement.TryGetProperty("source", out var source) && source.TryGetProperty("control", out var control) && control.GetString() is { } socket)
            return socket;
        terminal.WriteError($"the mount at {path} has no cache to look after; a gateway has one with the key 'cache' in its configuration");
        return null;
    }
}
