using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using GlanceGateway.Abstractions;
using McMaster.NETCore.Plugins;

namespace GlanceGateway.Stores;

/// <summary>
/// The code of a plugin: the only file that knows the loading library, whose author no longer works on it. There are two ways to hold it.
/// <para>
/// <b>Code that may go</b>, as its manifest says (<see cref="PluginManifest.Unloadable"/>): loaded into a context of its own, which is let go with the
/// plugin's last user. The runtime takes it away once nothing refers to it any more: no driver, writer, source, task or thread. Nothing is torn
/// from under a call that still runs; what hangs only keeps the old code for as long as it hangs.
/// </para>
/// <para>
/// <b>Code that stays</b>, all other: libraries that enter their types in tables of the process (AWS SDK, MongoDB) hold it for ever anyway. It is
/// loaded once for each set of bytes, so a version that comes back costs nothing; what a swap leaves behind is measured in
/// <c>docs/swapping-drivers.md</c>.
/// </para>
/// <para>
/// Unloading is not free of risk. The process of the tests once died of a general protection fault in the runtime's resolver of interface calls
/// while contexts came and went; the runtime unlinks entries of its process-wide dispatch cache without the lock under which others add theirs
/// (<see href="https://github.com/dotnet/runtime/issues/128859"/>), and .NET 10 also kept entries of unloaded code in the cache of generic virtual
/// methods (<see href="https://github.com/dotnet/runtime/issues/132562"/>). <c>plugins.unload: false</c> makes all code stay.
/// </para>
/// <para>All assemblies are read at once, so that nothing is missing later; native libraries are found by path, in the copy that lives as long as the plugin.</para>
/// </summary>
internal sealed class PluginCode
{
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<string, Assembly> s_kept = new(StringComparer.Ordinal);

    private readonly PluginLoader? _loader;
    private Assembly? _assembly;

    private PluginCode(Assembly assembly, PluginLoader? loader)
    {
        _assembly = assembly;
        _loader = loader;
        Context = new WeakReference(AssemblyLoadContext.GetLoadContext(assembly));
    }

    /// <summary>Whether <see cref="LetGo"/> unloads it.</summary>
    public bool MayGo => _loader is not null;

    /// <summary>The plugin's own assembly.</summary>
    public Assembly Assembly => _assembly ?? throw new ObjectDisposedException(nameof(PluginCode));

    /// <summary>The load context, for tests: it dies some time after <see cref="LetGo"/> when the code may go.</summary>
    public WeakReference Context { get; }

    /// <summary>Loads a plugin, or finds it loaded. None of its code runs.</summary>
    /// <param name="folder">The private copy of its folder.</param>
    /// <param name="assembly">The file name of its own assembly.</param>
    /// <param name="hash">Stands for all bytes of the folder.</param>
    /// <param name="mayGo">Whether <see cref="LetGo"/> unloads it.</param>
    /// <exception cref="BadImageFormatException">It is not a .NET assembly.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static PluginCode Load(string folder, string assembly, string hash, bool mayGo)
    {
        if (mayGo)
        {
            var (loaded, loader, _) = Read(folder, assembly, mayGo: true);
            return new PluginCode(loaded, loader);
        }

        lock (s_gate)
        {
            if (s_kept.TryGetValue(hash, out var known))
                return new PluginCode(known, null);
            var (loaded, _, isComplete) = Read(folder, assembly, mayGo: false);
            if (isComplete)
                s_kept.Add(hash, loaded);
            return new PluginCode(loaded, null);
        }
    }

    /// <summary>Ends the use of the code; the runtime takes it away when nothing of it is used any more.</summary>
    public void LetGo()
    {
        _assembly = null;
        _loader?.Dispose();
    }

    private static (Assembly Assembly, PluginLoader Loader, bool IsComplete) Read(string folder, string assembly, bool mayGo)
    {
        var path = Path.Combine(folder, assembly);
        var contract = typeof(IStorageDriverFactory).Assembly.GetName();
        var loader = PluginLoader.CreateFromAssemblyFile(
            path,
            config =>
            {
                config.SharedAssemblies.Add(contract);
                config.LoadInMemory = true;
                config.IsUnloadable = mayGo;
            });
        try
        {
            var loaded = loader.LoadDefaultAssembly();
            return (loaded, loader, LoadRest(AssemblyLoadContext.GetLoadContext(loaded)!, folder, path));
        }
        catch when (mayGo)
        {
            loader.Dispose();
            throw;
        }
    }

    // Whether all code of the folder is in memory now.
    private static bool LoadRest(AssemblyLoadContext context, string folder, string path)
    {
        var complete = true;
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            if (file.Contains(".so", StringComparison.Ordinal))
                complete = false;
            if (file == path || !file.EndsWith(".dll", StringComparison.Ordinal))
                continue;
            try
            {
                context.LoadFromAssemblyName(AssemblyName.GetAssemblyName(file));
            }
            catch (Exception exception) when (exception is BadImageFormatException or IOException)
            {
                // Whatever needs it will say so; a driver may well work without.
                complete = false;
            }
        }

        return complete;
    }
}
