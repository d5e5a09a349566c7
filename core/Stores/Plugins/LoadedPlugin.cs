using System.Reflection;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>
/// A plugin in use.
/// <para>
/// What is loaded is a private copy of the folder, taken and hashed in one pass: files may be replaced in place while the plugin serves
/// (which would kill the process with SIGBUS if they were mapped), a dependency that is touched for the first time much later still fits, and
/// nothing can change between the check of the hash and the loading. The contract is the one assembly shared with the host; everything else
/// beside the plugin is private to it, so two plugins, or two versions of one, may need two versions of a library.
/// </para>
/// <para>It counts its users: its factory is dropped, its copy removed, and its code let go (<see cref="PluginCode"/>), when the last one lets go.</para>
/// </summary>
internal sealed class LoadedPlugin
{
    private readonly string copy;
    private readonly ILogger logger;
    private readonly PluginCode code;
    private IStorageDriverFactory? factory;
    private int users = 1;

    private LoadedPlugin(PluginCode code, IStorageDriverFactory factory, PluginManifest manifest, PluginIdentity identity, string copy, ILogger logger)
    {
        this.code = code;
        this.factory = factory;
        this.copy = copy;
        this.logger = logger;
        Identity = identity;
        Schemes = manifest.Schemes;
    }

    /// <summary>The plugin's entry point. Its exceptions are not caught here.</summary>
    public IStorageDriverFactory Factory => factory ?? throw new StoreException(StoreError.Unavailable, $"The plugin '{Identity.Name}' was let go.");

    /// <summary>What was loaded.</summary>
    public PluginIdentity Identity { get; }

    /// <summary>The URI schemes of its locations.</summary>
    public IReadOnlyList<string> Schemes { get; }

    /// <summary>The load context, for tests.</summary>
    public WeakReference Context => code.Context;

    /// <summary>The state of the folder that was copied.</summary>
    public string? Fingerprint { get; set; }

    /// <summary>Copies the folder, checks the copy, loads it and runs its factory's constructor, nothing else. The caller is its first user.</summary>
    /// <param name="plugin">What to load.</param>
    /// <param name="copies">The directory for copies.</param>
    /// <param name="allowed">Hashes of which it must have one; null when every hash will do.</param>
    /// <param name="unload">Whether code that may go is unloaded with its last user.</param>
    /// <param name="logger">Told of the load.</param>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, with the reason.</exception>
    public static LoadedPlugin Load(InstalledPlugin plugin, string copies, IReadOnlyCollection<string>? allowed, bool unload, ILogger logger)
    {
        if (plugin.Problem is not null || plugin.Manifest is null)
            throw Wrong(plugin.Problem ?? "It has no manifest.");

        var copy = Path.Combine(Path.GetFullPath(copies), Guid.NewGuid().ToString("N"));
        try
        {
            var (manifest, hash) = Take(plugin, copy);
            if (allowed is not null && !allowed.Contains(hash, StringComparer.OrdinalIgnoreCase))
                throw Wrong($"Its hash {hash} is not in 'plugins.allow'. If you trust it, add the hash there.");
            var identity = new PluginIdentity(manifest.Name, manifest.Version, manifest.Contract, plugin.Folder, hash);
            logger.PluginLoading(identity.Name, identity.Version, identity.Folder, hash);
            return Load(manifest, identity, copy, plugin.Fingerprint, unload, logger);
        }
        catch (Exception exception)
        {
            RemoveCopy(copy);
            throw exception as StoreException ?? Wrong(ReasonOf(exception, plugin.Manifest.Assembly));
        }
    }

    /// <summary>Becomes a user.</summary>
    public LoadedPlugin Use()
    {
        Interlocked.Increment(ref users);
        return this;
    }

    /// <summary>Ends one use, now or when what still runs of it has ended.</summary>
    public void LetGoAfter(Task ended)
    {
        if (ended.IsCompleted)
            LetGo();
        else
            _ = ended.ContinueWith(_ => LetGo(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Ends one use.</summary>
    public void LetGo()
    {
        if (Interlocked.Decrement(ref users) != 0)
            return;

        // A store that failed may remember this object; nothing of the plugin hangs on it any more.
        factory = null;
        try
        {
            code.LetGo();
        }
        catch (Exception exception)
        {
            // A handler of the plugin's for the end of its load context threw; it goes all the same.
            logger.PluginUnloadFailed(Identity.Name, Identity.Version, ExceptionText.Short(exception));
        }

        RemoveCopy(copy);
        logger.PluginLetGo(Identity.Name, Identity.Version, Identity.Hash);
        if (code.MayGo)
            _ = UnusedCode.CollectAsync(code.Context, Identity, logger);
    }

    private static (PluginManifest Manifest, string Hash) Take(InstalledPlugin plugin, string copy)
    {
        var before = PluginFiles.FingerprintOf(plugin.Folder);
        var hash = PluginFiles.CopyTo(plugin.Folder, copy);
        if (before is null || PluginFiles.FingerprintOf(plugin.Folder) != before)
            throw Wrong("Its folder is being changed; it will be looked at again.");

        // Judged by the copy, because that is what runs.
        var copied = PluginCatalog.ReadFolder(copy);
        if (copied.Problem is not null || copied.Manifest is null)
            throw Wrong(copied.Problem ?? "It has no manifest.");
        return copied.Name == plugin.Name ? (copied.Manifest, hash) : throw Wrong("Its folder is being changed; it will be looked at again.");
    }

    private static LoadedPlugin Load(PluginManifest manifest, PluginIdentity identity, string copy, string? fingerprint, bool unload, ILogger logger)
    {
        var code = PluginCode.Load(copy, manifest.Assembly, identity.Hash, mayGo: unload && manifest.Unloadable);
        try
        {
            var factory = (IStorageDriverFactory)Activator.CreateInstance(FactoryIn(code.Assembly))!;
            return new LoadedPlugin(code, factory, manifest, identity, copy, logger) { Fingerprint = fingerprint };
        }
        catch
        {
            code.LetGo();
            throw;
        }
    }

    private static void RemoveCopy(string copy)
    {
        try
        {
            if (Directory.Exists(copy))
                Directory.Delete(copy, recursive: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next start empties the directory of copies.
        }
    }

    private static Type FactoryIn(Assembly assembly)
    {
        var factories = assembly.GetExportedTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false, ContainsGenericParameters: false }
                && type.IsAssignableTo(typeof(IStorageDriverFactory))
                && type.GetConstructor(Type.EmptyTypes) is not null)
            .ToList();
        return factories.Count switch
        {
            1 => factories[0],
            0 => throw Wrong($"{assembly.GetName().Name} has no public {nameof(IStorageDriverFactory)} with a parameterless constructor."),
            _ => throw Wrong(
                $"{assembly.GetName().Name} has {factories.Count} factories where one is expected: {string.Join(", ", factories.Select(type => type.FullName))}."),
        };
    }

    private static string ReasonOf(Exception exception, string assembly) => exception switch
    {
        TargetInvocationException { InnerException: { } thrown } => $"Its factory failed: {ExceptionText.Short(thrown)}",
        ReflectionTypeLoadException types => $"{assembly} does not fit: {string.Join("; ", types.LoaderExceptions.OfType<Exception>().Select(ExceptionText.Short).Distinct())}",
        BadImageFormatException => $"{assembly} is not a .NET assembly, or is damaged. Install the plugin again.",
        FileNotFoundException missing => $"An assembly is missing: {missing.FileName ?? missing.Message}. Install the plugin again.",
        _ => $"{assembly} cannot be loaded: {ExceptionText.Short(exception)}",
    };

    private static StoreException Wrong(string reason) => new(StoreError.Misconfigured, reason);
}
