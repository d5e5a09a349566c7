using System.Reflection;

namespace GlanceGateway.Bench;

/// <summary>Where the repository's own things lie, as the build saw them.</summary>
internal static class Repository
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = Value("RepositoryRoot");

    /// <summary>The folders that hold the folders of the drivers, built as this program was.</summary>
    public static IEnumerable<string> Plugins { get; } =
        [.. Directory.GetDirectories(Path.Combine(Root, "plugins")).Select(p => Path.Combine(p, "bin", Value("Configuration"))).Where(Directory.Exists)];

    private static string Value(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
