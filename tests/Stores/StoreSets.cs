using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

/// <summary>Opens store sets over a plugin directory that a test has furnished.</summary>
internal static class StoreSets
{
    public static Task<StoreSet> OpenAsync(TempDirectory root, params StoreDefinition[] definitions) =>
        StoreSet.OpenAsync(
            PluginCatalog.Scan([root["plugins"]]),
            definitions,
            new StoreSetOptions { ScratchRoot = root["scratch"], StartTimeout = TimeSpan.FromSeconds(2) },
            Quiet.Loggers,
            TimeProvider.System,
            TestContext.Current.CancellationToken);

    public static StoreDefinition Store(string id, string driver, params (string Name, object? Value)[] options) =>
        new() { Id = id, Driver = driver, Options = options.ToDictionary(option => option.Name, option => option.Value) };
}
