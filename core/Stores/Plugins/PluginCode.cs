using System.Reflection;
using System.Runtime.Loader;
using GlanceGateway.Abstractions;
using McMaster.NETCore.Plugins;

namespace GlanceGateway.Stores;

/// <summary>
/// The code of a plugin: the only file that knows the loading library, whose author no longer works on it.
/// <para>
/// Code is loaded once for each set of bytes and stays until the process ends. It could be unloaded, and once was; then the process of the tests,
/// which swaps plugins under load, died once of a general protection fault inside the runtime, on a thread of the pool. The cause is not proven and
/// the fault did not come again; two reports about the runtime's process-wide tables when a collectible load context goes resemble it, of interface
/// dispatch (<see href="https://github.com/dotnet/runtime/issues/128859"/>) and of generic virtual methods
/// (<see href="https://github.com/dotnet/runtime/issues/132562"/>). A gateway must not die of a swap. What a swap leaves behind is the old code, of
/// 0.1 to 6 MB for the drivers of this product plus what was compiled of it; a store's data goes with its driver. Native libraries may call into a
/// plugin for as long as they like.
/// </para>
/// <para>
/// Invariant: a set of bytes that comes again, because two sets of stores use it or because somebody went back a version, costs nothing. So all
/// assemblies are read at once, and the folder is needed no longer; code with native libraries, which are found by path, is loaded anew.
/// </para>
/// </summary>
internal static class PluginCode
{
    private static readonly Lock gate = new();
    private static readonly Dictionary<string, Assembly> kept = new(StringComparer.Ordinal);

    /// <summary>Loads a plugin, or finds it loaded. None of its code runs.</summary>
    /// <param name="folder">The private copy of its folder.</param>
    /// <param name="assembly">The file name of its own assembly.</param>
    /// <param name="hash">Stands for all bytes of the folder.</param>
    /// <exception cref="BadImageFormatException">It is not a .NET assembly.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static Assembly Load(string folder, string assembly, string hash)
    {
        lock (gate)
        {
            if (kept.TryGetValue(hash, out var known))
                return known;
            var path = Path.Combine(folder, assembly);
            var contract = typeof(IStorageDriverFactory).Assembly.GetName();
            var loader = PluginLoader.CreateFromAssemblyFile(
                path,
                config =>
                {
                    config.SharedAssemblies.Add(contract);
                    config.LoadInMemory = true;
                    config.IsUnloadable = false;
                });
            var loaded = loader.LoadDefaultAssembly();
            if (LoadRest(AssemblyLoadContext.GetLoadContext(loaded)!, folder, path))
                kept.Add(hash, loaded);
            return loaded;
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
