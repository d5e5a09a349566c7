using System.Collections;

namespace GlanceGateway.Host.Configuration;

/// <summary>What of the process's surroundings decides about the configuration; tests make their own.</summary>
public sealed record GatewayEnvironment
{
    /// <summary>The file that is read when none is named, if it exists.</summary>
    public const string StandardFile = "/etc/glance-gateway/glance-gateway.yaml";

    /// <summary>Environment variables.</summary>
    public required IReadOnlyDictionary<string, string> Variables { get; init; }

    /// <summary>Whether the process runs as root: then the default data directory is the system's.</summary>
    public required bool IsRoot { get; init; }

    /// <summary>Where the program lies: its <c>plugins</c> directory is the default one.</summary>
    public required string ProgramDirectory { get; init; }

    /// <summary>What relative paths on the command line are relative to.</summary>
    public required string CurrentDirectory { get; init; }

    /// <summary>The file that is read when none is named, if it exists.</summary>
    public string DefaultFile { get; init; } = StandardFile;

    /// <summary>The surroundings of this process.</summary>
    public static GatewayEnvironment OfThisProcess() => new()
    {
        Variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal),
        IsRoot = Environment.IsPrivilegedProcess,
        ProgramDirectory = AppContext.BaseDirectory,
        CurrentDirectory = Environment.CurrentDirectory,
    };

    /// <summary>The data directory when nobody names one; null for a user without a home.</summary>
    public string? DefaultDataDirectory()
    {
        if (IsRoot)
        {
            return "/var/lib/glance-gateway";
        }

        // The base directory specification says that a relative XDG_DATA_HOME is to be ignored.
        if (Variables.TryGetValue("XDG_DATA_HOME", out var dataHome) && Path.IsPathRooted(dataHome))
        {
            return Path.Join(dataHome, "glance-gateway");
        }

        return Variables.TryGetValue("HOME", out var home) && Path.IsPathRooted(home)
            ? Path.Join(home, ".local/share/glance-gateway")
            : null;
    }
}
