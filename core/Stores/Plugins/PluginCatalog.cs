using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>The plugins found under the configured directories, one folder each. Finding them runs none of their code.</summary>
public sealed class PluginCatalog
{
    private PluginCatalog(IReadOnlyList<string> directories, IReadOnlyList<InstalledPlugin> plugins, IReadOnlyList<string> problems)
    {
        Directories = directories;
        Plugins = plugins;
        Problems = problems;
    }

    /// <summary>Where was looked; absolute.</summary>
    public IReadOnlyList<string> Directories { get; }

    /// <summary>Those of <see cref="Directories"/> that could not be read, which says nothing about the plugins in them.</summary>
    internal IReadOnlyCollection<string> Unreadable { get; private init; } = [];

    /// <summary>All that was found, usable or not, by name and then folder.</summary>
    public IReadOnlyList<InstalledPlugin> Plugins { get; }

    /// <summary>What is wrong with the directories themselves.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>Looks through directories whose sub-folders are plugins. Folders with a leading dot are passed over.</summary>
    public static PluginCatalog Scan(IEnumerable<string> directories)
    {
        var plugins = new List<InstalledPlugin>();
        var problems = new List<string>();
        var unreadable = new List<string>();
        IReadOnlyList<string> searched = [.. directories.Select(Path.GetFullPath).Distinct(StringComparer.Ordinal)];
        foreach (var directory in searched)
        {
            try
            {
                plugins.AddRange(
                    Directory.EnumerateDirectories(directory)
                        .Where(folder => !Path.GetFileName(folder).StartsWith('.'))
                        .Select(Examine));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                unreadable.Add(directory);
                problems.Add($"The plugin directory '{directory}' cannot be read: {exception.Message}");
            }
        }

        // Which of two would load must not depend on the order of a directory listing, so neither does.
        foreach (var twins in plugins.Where(plugin => plugin.Manifest is not null).GroupBy(plugin => plugin.Name).Where(group => group.Count() > 1).ToList())
        {
            var folders = string.Join("' and '", twins.Select(plugin => plugin.Folder).Order(StringComparer.Ordinal));
            foreach (var plugin in twins)
            {
                plugins[plugins.IndexOf(plugin)] = plugin with
                {
                    Problem = $"The driver '{plugin.Name}' is in '{folders}'. Remove all but one.",
                };
            }
        }

        return new PluginCatalog(
            searched,
            [.. plugins.OrderBy(plugin => plugin.Name, StringComparer.Ordinal).ThenBy(plugin => plugin.Folder, StringComparer.Ordinal)],
            problems) { Unreadable = unreadable };
    }

    /// <summary>A catalogue of one folder.</summary>
    public static PluginCatalog Of(string folder)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return new PluginCatalog([], [Examine(full)], []);
    }

    /// <summary>The plugin that provides a driver; usable only when it has no problem.</summary>
    public bool TryGet(string driver, [NotNullWhen(true)] out InstalledPlugin? plugin)
    {
        plugin = Plugins.FirstOrDefault(candidate => candidate.Manifest is not null && candidate.Name == driver);
        return plugin is not null;
    }

    /// <summary>Looks at a folder, apart from who may change it.</summary>
    internal static InstalledPlugin ReadFolder(string folder)
    {
        PluginManifest manifest;
        try
        {
            manifest = PluginManifest.Read(Path.Combine(folder, PluginManifest.FileName));
        }
        catch (StoreException exception)
        {
            return new InstalledPlugin(Path.GetFileName(folder), folder, null, exception.Message);
        }

        return new InstalledPlugin(manifest.Name, folder, manifest, ObjectionTo(manifest, folder));
    }

    // Trust first: a manifest that anybody could have written is not worth reading.
    private static InstalledPlugin Examine(string folder) =>
        (PluginTrust.ObjectionTo(folder) is { } objection ? new InstalledPlugin(Path.GetFileName(folder), folder, null, objection) : ReadFolder(folder))
            with { Fingerprint = PluginFiles.FingerprintOf(folder) };

    private static string? ObjectionTo(PluginManifest manifest, string folder)
    {
        if (!IsLoadable(manifest.Contract))
        {
            return $"It was built against the driver contract {manifest.Contract}; this host has {DriverContract.Version}. "
                + "Install the plugin's release for this host.";
        }

        // A second copy of the contract is a second set of types: the plugin would be found empty.
        var contract = typeof(IStorageDriverFactory).Assembly.GetName().Name + ".dll";
        if (File.Exists(Path.Combine(folder, contract)))
            return $"Its folder ships {contract}, which only the host may. Remove the file (reference the package with ExcludeAssets=runtime).";
        if (!File.Exists(Path.Combine(folder, manifest.Assembly)))
            return $"Its assembly {manifest.Assembly} is missing from the folder. Install the plugin again.";
        return null;
    }

    // While the major is 0 every minor may break; from 1.0 on older minors of the same major are served.
    private static bool IsLoadable(string contract)
    {
        var wanted = Version.Parse(contract);
        var ours = Version.Parse(DriverContract.Version);
        return wanted.Major == ours.Major && (ours.Major == 0 ? wanted.Minor == ours.Minor : wanted.Minor <= ours.Minor);
    }
}
