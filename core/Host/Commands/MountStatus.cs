using System.Globalization;
using System.Text.Json;
using GlanceGateway.Host.Mounting;

namespace GlanceGateway.Host.Commands;

/// <summary>The page <c>.status</c> in words.</summary>
internal static class MountStatus
{
    /// <summary>Writes it.</summary>
    /// <param name="page">The page.</param>
    /// <param name="terminal">Where to.</param>
    /// <param name="list">Asks the process of the mount, at its control socket, for the images in the cache; null when this user may not.</param>
    /// <returns>The exit code: 1 when no endpoint answers.</returns>
    public static async Task<int> WriteAsync(string page, CommandTerminal terminal, Func<string, Task<IReadOnlyList<SteeredResult>?>> list)
    {
        using var json = JsonDocument.Parse(page);
        var root = json.RootElement;
        terminal.WriteLine($"images       {root.GetProperty("images")}, {root.GetProperty("not_shown").GetArrayLength()} not shown");
        terminal.WriteLine($"opens        {root.GetProperty("opens_passthrough")} by passthrough, {root.GetProperty("opens_copied")} by copying");
        if (!root.TryGetProperty("source", out var source))
            return ExitCodes.Success;
        var isReachable = !source.TryGetProperty("reachable", out var reachable) || reachable.GetBoolean();
        if (source.TryGetProperty("endpoints", out var endpoints))
        {
            terminal.WriteLine($"endpoint     {(isReachable ? "answers" : $"does not answer: {source.GetProperty("problem")}")}");
            foreach (var endpoint in endpoints.EnumerateArray())
                terminal.WriteLine($"             {endpoint.GetProperty("url")} circuit {endpoint.GetProperty("circuit")}");
        }

        if (source.TryGetProperty("follows", out var follows))
        {
            terminal.WriteLine(follows.GetProperty("by").GetString() == "feed"
                ? $"follows      changes as they happen, told by {follows.GetProperty("feed")}"
                : $"follows      changes by asking every {follows.GetProperty("poll_seconds")} s: {follows.GetProperty("why_not_by_feed")}");
        }

        var cache = source.GetProperty("cache");
        terminal.WriteLine($"cache        {cache.GetProperty("stored_bytes")} of {cache.GetProperty("max_bytes")} bytes, {cache.GetProperty("images_verified")} of {cache.GetProperty("images")} images whole and proven");
        foreach (var hidden in root.GetProperty("not_shown").EnumerateArray())
            terminal.WriteLine($"not shown    {hidden.GetProperty("id")}: {hidden.GetProperty("reason")}");
        if (source.TryGetProperty("control", out var control) && control.GetString() is { } socket && await list(socket) is { Count: > 0 } cached)
            WriteCached(cached, terminal);
        return isReachable ? ExitCodes.Success : ExitCodes.Failure;
    }

    private static void WriteCached(IReadOnlyList<SteeredResult> cached, CommandTerminal terminal) => terminal.WriteTable(
        ["image", "name", "cached", "state", "raw disk", "readers", "last used"],
        cached.Select(image => (IReadOnlyList<string>)
        [
            image.Image,
            image.Name ?? "",
            image.Data is { } data ? $"{MountSteering.Size(data.CachedBytes)} of {MountSteering.Size(data.Bytes)}" : "",
            State(image.Data),
            State(image.RawDisk),
            ((image.Data?.Readers ?? 0) + (image.RawDisk?.Readers ?? 0)).ToString(CultureInfo.InvariantCulture),
            (image.Data ?? image.RawDisk)?.LastAccessed.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "",
        ]));

    private static string State(SteeredObject? cached) => cached is null
        ? ""
        : $"{(cached.Verified ? "verified" : cached.Complete ? "complete" : "partial")}{(cached.Pinned ? ", pinned" : "")}";
}
