using System.Reflection;

namespace GlanceGateway.Testing;

/// <summary>Where the repository's own things lie, as the build saw them.</summary>
public static class RepositoryPaths
{
    /// <summary>The repository's root, with a slash at the end.</summary>
    public static string Root { get; } = Value("RepositoryRoot");

    /// <summary>Where the built <c>glance-gateway</c> lies, with a slash at the end.</summary>
    public static string Host { get; } = Value("HostDirectory");

    /// <summary>The configuration and framework part of an output path, such as <c>Debug/net10.0</c>.</summary>
    public static string OutputKind { get; } = string.Join('/', Host.TrimEnd('/').Split('/')[^2..]);

    /// <summary>The program of the tests that run, to start it once more. That of the process may be <c>dotnet</c>.</summary>
    public static string ThisProgram { get; } = Path.Combine(AppContext.BaseDirectory, Assembly.GetEntryAssembly()!.GetName().Name!);

    private static string Value(string key) =>
        typeof(RepositoryPaths).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
