using System.Reflection;
using GlanceGateway.Abstractions;
using McMaster.NETCore.Plugins;

namespace GlanceGateway.Stores;

/// <summary>
/// A plugin in memory: the only file that knows the loading library, whose author no longer works on it.
/// <para>
/// The assemblies are read into memory, because replacing a mapped DLL in place kills the process with SIGBUS. The contract is the one
/// assembly shared with the host; everything else beside the plugin is private to it, so two plugins may need two versions of one library.
/// A swap would load the new folder as a second <see cref="LoadedPlugin"/>, make its drivers, and dispose this one after its last driver.
/// </para>
/// </summary>
internal sealed class LoadedPlugin : IDisposable
{
    private readonly PluginLoader loader;

    private LoadedPlugin(PluginLoader loader, IStorageDriverFactory factory)
    {
        this.loader = loader;
        Factory = factory;
    }

    /// <summary>The plugin's entry point. Its exceptions are not caught here.</summary>
    public IStorageDriverFactory Factory { get; }

    /// <summary>Loads the assembly, runs its factory's constructor and nothing else.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, with the reason.</exception>
    public static LoadedPlugin Load(InstalledPlugin plugin)
    {
        if (plugin.Problem is not null || plugin.Manifest is null)
            throw Wrong(plugin.Problem ?? "It has no manifest.");

        PluginLoader? opened = null;
        try
        {
            var contract = typeof(IStorageDriverFactory).Assembly.GetName();
            opened = PluginLoader.CreateFromAssemblyFile(
                Path.Combine(plugin.Folder, plugin.Manifest.Assembly),
                config =>
                {
                    config.SharedAssemblies.Add(contract);
                    config.LoadInMemory = true;
                });
            return new LoadedPlugin(opened, (IStorageDriverFactory)Activator.CreateInstance(FactoryIn(opened.LoadDefaultAssembly()))!);
        }
        catch (Exception exception)
        {
            opened?.Dispose();
            throw exception as StoreException ?? Wrong(ReasonOf(exception, plugin.Manifest.Assembly));
        }
    }

    /// <summary>Ends the loader; after the last driver of this plugin was disposed.</summary>
    public void Dispose() => loader.Dispose();

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
