using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>
/// The plugins that are loaded, one for each driver, and the candidates that may take their place. Loading one decides nothing: a candidate is on
/// the shelf only after its stores have started.
/// </summary>
internal sealed class PluginShelf(string copies, IReadOnlyCollection<string>? allowed, bool unload, ILogger logger)
{
    private readonly Dictionary<string, LoadedPlugin> loaded = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Refused> refused = new(StringComparer.Ordinal);

    /// <summary>What is in use.</summary>
    public IEnumerable<PluginIdentity> Loaded => loaded.Values.Select(plugin => plugin.Identity);

    /// <summary>What is not used, though it lies there and is wanted.</summary>
    public IEnumerable<PluginRefusal> Refusals =>
        refused.Select(entry => new PluginRefusal(entry.Key, entry.Value.Folder, entry.Value.Problem, loaded.ContainsKey(entry.Key)));

    /// <summary>What should serve a driver from now on, going by what lies in the plugin directories.</summary>
    /// <param name="catalog">What lies there.</param>
    /// <param name="driver">The driver's name.</param>
    /// <param name="retry">Whether to try again what was refused and has not changed.</param>
    public PluginTarget Choose(PluginCatalog catalog, string driver, bool retry)
    {
        var now = loaded.GetValueOrDefault(driver);
        if (now is not null && catalog.Unreadable.Contains(Path.GetDirectoryName(now.Identity.Folder)))
            return new PluginTarget(now, now, null);
        var installed = Find(catalog, driver, now);
        if (installed is null)
        {
            refused.Remove(driver);
            return new PluginTarget(null, now, now is null ? Missing(catalog, driver) : $"The plugin '{driver}' was taken out of '{now.Identity.Folder}'. Put it back.");
        }

        if (now is not null && installed.Problem is null && installed.Fingerprint is not null && installed.Fingerprint == now.Fingerprint)
        {
            refused.Remove(driver);
            return new PluginTarget(now, now, null);
        }

        if (!retry && refused.TryGetValue(driver, out var known) && known.Fingerprint == installed.Fingerprint && known.Listed == installed.Problem)
            return new PluginTarget(now, now, now is null ? known.Text : null);
        return Load(installed, driver, now);
    }

    /// <summary>Refuses a candidate whose stores do not start; the one before stays.</summary>
    public void Refuse(LoadedPlugin candidate, string problem)
    {
        Note(candidate.Identity.Name, candidate.Identity.Folder, candidate.Fingerprint, null, problem, problem);
        candidate.LetGo();
    }

    /// <summary>Makes what was chosen the driver's plugin.</summary>
    public void Place(string driver, PluginTarget target)
    {
        if (target.Use == target.Now)
            return;
        if (target.Use is { } plugin)
        {
            loaded[driver] = plugin;
            refused.Remove(driver);
        }
        else
        {
            loaded.Remove(driver);
        }

        if (target is { Use: { } next, Now: { } before })
            logger.PluginSwapped(driver, Text(before), Text(next));
        else if (target.Use is null)
            logger.PluginTakenOut(driver);
        target.Now?.LetGo();
    }

    /// <summary>Lets go of what no store uses.</summary>
    public void Keep(IReadOnlyCollection<string> drivers)
    {
        foreach (var driver in loaded.Keys.Where(driver => !drivers.Contains(driver)).ToList())
        {
            loaded[driver].LetGo();
            loaded.Remove(driver);
        }

        foreach (var driver in refused.Keys.Where(driver => !drivers.Contains(driver)).ToList())
            refused.Remove(driver);
    }

    private PluginTarget Load(InstalledPlugin installed, string driver, LoadedPlugin? now)
    {
        try
        {
            var candidate = LoadedPlugin.Load(installed, copies, allowed, unload, logger);
            if (now is null || candidate.Identity.Hash != now.Identity.Hash || candidate.Identity.Folder != now.Identity.Folder)
                return new PluginTarget(candidate, now, null);

            // Touched, or copied over by itself: the same bytes.
            now.Fingerprint = candidate.Fingerprint;
            refused.Remove(driver);
            candidate.LetGo();
            return new PluginTarget(now, now, null);
        }
        catch (StoreException exception)
        {
            var text = installed.Manifest is null
                ? $"The plugin in '{installed.Folder}' cannot be used. {exception.Message}"
                : $"The plugin '{driver}' in '{installed.Folder}' cannot be loaded. {exception.Message}";
            Note(driver, installed.Folder, installed.Fingerprint, installed.Problem, exception.Message, text);
            return new PluginTarget(now, now, now is null ? text : null);
        }
    }

    private void Note(string driver, string folder, string? fingerprint, string? listed, string problem, string text)
    {
        var news = !refused.TryGetValue(driver, out var known) || known.Problem != problem || known.Fingerprint != fingerprint;
        refused[driver] = new Refused(folder, fingerprint, listed, problem, text);
        if (news && loaded.TryGetValue(driver, out var old))
            logger.PluginRefused(driver, folder, Text(old), problem);
    }

    // A folder whose manifest cannot be read, or whose name another folder has too, is most likely the one that was loaded from there, or what was meant.
    private static InstalledPlugin? Find(PluginCatalog catalog, string driver, LoadedPlugin? now) =>
        catalog.TryGet(driver, out var plugin)
            ? plugin
            : catalog.Plugins.FirstOrDefault(candidate => candidate.Manifest is null && candidate.Folder == now?.Identity.Folder)
                ?? catalog.Plugins.FirstOrDefault(candidate => candidate.Manifest is null && candidate.Name.Equals(driver, StringComparison.OrdinalIgnoreCase));

    private static string Missing(PluginCatalog catalog, string driver)
    {
        var names = catalog.Plugins.Where(candidate => candidate.Problem is null).Select(candidate => candidate.Name).ToList();
        var meant = NearestName.Of(driver, names) is { } nearest ? $" Did you mean '{nearest}'?" : "";
        var known = names.Count == 0 ? "no usable plugin was found" : $"known: {string.Join(", ", names)}";
        return $"No plugin provides the driver '{driver}' ({known}).{meant}";
    }

    private static string Text(LoadedPlugin plugin) => $"{plugin.Identity.Version} (sha256 {plugin.Identity.Hash[..12]}…)";

    private sealed record Refused(string Folder, string? Fingerprint, string? Listed, string Problem, string Text);
}

/// <summary>What is to serve a driver.</summary>
/// <param name="Use">The plugin from now on; null when there is none.</param>
/// <param name="Now">The plugin so far.</param>
/// <param name="Problem">Why there is none.</param>
internal sealed record PluginTarget(LoadedPlugin? Use, LoadedPlugin? Now, string? Problem)
{
    /// <summary>Whether stores that serve must start anew.</summary>
    public bool IsCandidate => Use is not null && Use != Now;
}
