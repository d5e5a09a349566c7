using System.Text.Json;

namespace GlanceGateway.Host.Commands;

/// <summary>The page <c>.status</c> in words.</summary>
internal static class MountStatus
{
    /// <summary>Writes it.</summary>
    /// <returns>The exit code: 1 when no endpoint answers.</returns>
    public static int Write(string page, CommandTerminal terminal)
    {
        using var json = JsonDocument.Parse(page);
        var root = json.RootElement;
        terminal.WriteLine($"images       {root.GetProperty("images")}, {root.GetProperty("not_shown").GetArrayLength()} not shown");
        terminal.WriteLine($"opens        {root.GetProperty("opens_passthrough")} by passthrough, {root.GetProperty("opens_copied")} by copying");
        if (!root.TryGetProperty("source", out var source))
            return ExitCodes.Success;
        var isReachable = source.GetProperty("reachable").GetBoolean();
        terminal.WriteLine($"endpoint     {(isReachable ? "answers" : $"does not answer: {source.GetProperty("problem")}")}");
        foreach (var endpoint in source.GetProperty("endpoints").EnumerateArray())
            terminal.WriteLine($"             {endpoint.GetProperty("url")} circuit {endpoint.GetProperty("circuit")}");
        var cache = source.GetProperty("cache");
        terminal.WriteLine($"cache        {cache.GetProperty("stored_bytes")} of {cache.GetProperty("max_bytes")} bytes, {cache.GetProperty("images_verified")} of {cache.GetProperty("images")} images whole and proven");
        foreach (var hidden in root.GetProperty("not_shown").EnumerateArray())
            terminal.WriteLine($"not shown    {hidden.GetProperty("id")}: {hidden.GetProperty("reason")}");
        return isReachable ? ExitCodes.Success : ExitCodes.Failure;
    }
}
