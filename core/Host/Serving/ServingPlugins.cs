using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using GlanceGateway.Stores;

namespace GlanceGateway.Host.Serving;

/// <summary>What a serving gateway has made of the plugins, left in the data directory for <c>plugins list</c>: whether a plugin really loads is
/// known only to the process that tried.</summary>
/// <param name="Process">The gateway's process id.</param>
/// <param name="Started">When the process started, in the kernel's clock ticks since boot: process ids are used again.</param>
/// <param name="Plugins">What is loaded.</param>
/// <param name="Refused">What is refused, and why.</param>
internal sealed record ServingPlugins(
    int Process, string Started, IReadOnlyList<ServingPlugins.Loaded> Plugins, IReadOnlyList<ServingPlugins.Refusal> Refused)
{
    /// <summary>A plugin that is loaded.</summary>
    public sealed record Loaded(string Name, string Version, string Folder, string Sha256);

    /// <summary>A plugin that is refused.</summary>
    public sealed record Refusal(string Name, string? Folder, string Problem);

    /// <summary>Writes what the stores of this process run on. The file is replaced as a whole.</summary>
    public static void Write(string dataDirectory, StoreSet stores)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(
            new ServingPlugins(
                Environment.ProcessId,
                StartOf(Environment.ProcessId) ?? "",
                [.. stores.Plugins.Select(plugin => new Loaded(plugin.Name, plugin.Version, plugin.Folder, plugin.Hash))],
                [.. stores.Refusals.Select(refusal => new Refusal(refusal.Driver, refusal.Folder, refusal.Problem))]),
            ServingJson.Default.ServingPlugins);
        var path = PathIn(dataDirectory);
        File.WriteAllBytes(path + ".new", text);
        File.Move(path + ".new", path, overwrite: true);
    }

    /// <summary>What the gateway of a data directory says; null when none runs there.</summary>
    public static ServingPlugins? ReadLive(string dataDirectory)
    {
        try
        {
            var serving = JsonSerializer.Deserialize(File.ReadAllBytes(PathIn(dataDirectory)), ServingJson.Default.ServingPlugins);
            return serving is not null && StartOf(serving.Process) == serving.Started ? serving : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private static string PathIn(string dataDirectory) => Path.Join(dataDirectory, "plugins.json");

    /// <summary>Field 22 of <c>/proc/PID/stat</c> (proc(5)), counted behind the name, which may hold anything; null when there is no such process.</summary>
    private static string? StartOf(int process)
    {
        try
        {
            var stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat"));
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(ServingPlugins))]
internal sealed partial class ServingJson : JsonSerializerContext;
