using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>Finds drivers that serve.</summary>
internal static class ReadyStores
{
    /// <summary>The driver of a store; false when no such store is configured or it did not start.</summary>
    public static bool TryGetDriver(this StoreSet stores, string id, [NotNullWhen(true)] out IStorageDriver? driver)
    {
        driver = stores.TryGet(id, out var store) && store.State == StoreState.Ready ? store.Driver : null;
        return driver is not null;
    }
}
