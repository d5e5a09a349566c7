using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>Built plugins, copied to where a test may spoil them.</summary>
internal static class PluginFolders
{
    /// <summary>Copies a plugin of the product; returns its new folder.</summary>
    public static string CopyProduct(string project, string directory) =>
        Copy(Path.Combine(RepositoryPaths.Root, "plugins", project, "bin", RepositoryPaths.OutputKind), directory, project);

    /// <summary>Copies a plugin of these tests; returns its new folder.</summary>
    public static string CopyTest(string project, string directory, string? folder = null) =>
        Copy(Path.Combine(RepositoryPaths.Root, "tests", "Stores", "Plugins", project, "bin", RepositoryPaths.OutputKind), directory, folder ?? project);

    /// <summary>Copies any folder, to where nobody else may write.</summary>
    public static string Copy(string built, string directory, string folder)
    {
        var target = Path.Combine(directory, folder);
        Directory.CreateDirectory(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var file in Directory.EnumerateFiles(built))
        {
            var copy = Path.Combine(target, Path.GetFileName(file));
            File.Copy(file, copy, overwrite: true);
            File.SetUnixFileMode(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return target;
    }
}
