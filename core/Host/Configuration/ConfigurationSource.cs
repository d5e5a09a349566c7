namespace GlanceGateway.Host.Configuration;

/// <summary>A key set on the command line.</summary>
/// <param name="Name">The flag, such as <c>--listen</c>.</param>
/// <param name="Key">The key's path, such as <c>mount.directory</c>.</param>
/// <param name="Value">The value as written.</param>
public sealed record ConfigurationFlag(string Name, string Key, string Value);

/// <summary>Makes the configuration: defaults, under the file, under environment variables, under flags.</summary>
public static class ConfigurationSource
{
    /// <summary>Loads and checks the whole configuration.</summary>
    /// <param name="file">The file named by the caller; null for the one that <c>GLANCE_GATEWAY_CONFIG</c> names, else the standard one if it exists.</param>
    /// <param name="flags">Keys set on the command line.</param>
    /// <param name="environment">The surroundings of the process.</param>
    /// <exception cref="ConfigurationException">Something is wrong; all problems of all sources are in it.</exception>
    public static GatewayConfiguration Load(string? file, IReadOnlyList<ConfigurationFlag> flags, GatewayEnvironment environment) =>
        Load(file, flags, environment, out _);

    /// <summary>As the public method, and tells which keys there are.</summary>
    internal static GatewayConfiguration Load(
        string? file,
        IReadOnlyList<ConfigurationFlag> flags,
        GatewayEnvironment environment,
        out IReadOnlySet<string> knownKeys)
    {
        var problems = new List<ConfigurationProblem>();
        var path = FindFile(file, environment);
        var root = path is null ? new MappingNode("default") : YamlFile.Read(path, YamlUse.Configuration, problems);
        if (root is null)
        {
            throw new ConfigurationException(problems);
        }

        EnvironmentVariables.Overlay(root, environment.Variables, problems);
        foreach (var flag in flags)
        {
            root.Overlay(flag.Key.Split('.'), new ScalarNode(flag.Name, flag.Value, ScalarForm.Flag), (_, step) => step);
        }

        var log = new BindingLog(environment.CurrentDirectory, problems);
        var configuration = new ConfigurationBinder(environment, log).Bind(root, path);
        var warnings = ConfigurationChecks.Run(configuration, log);
        knownKeys = log.KnownKeys;
        return problems.Count > 0
            ? throw new ConfigurationException(problems)
            : configuration with { Warnings = warnings };
    }

    private static string? FindFile(string? file, GatewayEnvironment environment)
    {
        if (file is null && environment.Variables.TryGetValue(EnvironmentVariables.FileVariable, out var named) && named.Length > 0)
        {
            file = named;
        }

        if (file is not null)
        {
            return Path.GetFullPath(file, environment.CurrentDirectory);
        }

        return File.Exists(environment.DefaultFile) ? environment.DefaultFile : null;
    }
}
