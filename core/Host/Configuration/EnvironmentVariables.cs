namespace GlanceGateway.Host.Configuration;

/// <summary>Lays environment variables over the file: <c>GLANCE_GATEWAY_IDENTITY__MODE</c> is <c>identity.mode</c>.</summary>
internal static class EnvironmentVariables
{
    public const string Prefix = "GLANCE_GATEWAY_";

    /// <summary>Names the file itself, so it is no key.</summary>
    public const string FileVariable = Prefix + "CONFIG";

    public static void Overlay(MappingNode root, IReadOnlyDictionary<string, string> variables, List<ConfigurationProblem> problems)
    {
        foreach (var (name, value) in variables.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            // Compose files and units often pass variables through that nobody set: empty means absent.
            if (!name.StartsWith(Prefix, StringComparison.Ordinal) || name == FileVariable || value.Length == 0)
            {
                continue;
            }

            var origin = $"environment variable {name}";
            var path = name[Prefix.Length..].Split("__");
            if (path.Contains(""))
            {
                problems.Add(new(origin, null, $"this names no key; write {Prefix}LISTEN for 'listen', {Prefix}IDENTITY__MODE for 'identity.mode'"));
                continue;
            }

            root.Overlay(path, new ScalarNode(origin, value, ScalarForm.Variable), NameOf);
        }
    }

    /// <summary>Variables are upper case and have no hyphens; store ids in the file may have both, so the file's spelling wins.</summary>
    private static string NameOf(MappingNode mapping, string step)
    {
        var lower = step.ToLowerInvariant();
        return mapping.Find(lower) is not null
            ? lower
            : mapping.Entries.Select(entry => entry.Key).FirstOrDefault(key => key.ToLowerInvariant().Replace('-', '_') == lower) ?? lower;
    }
}
