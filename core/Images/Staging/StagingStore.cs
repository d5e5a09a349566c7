using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;
using GlanceGateway.Registry;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>
/// The store in which data waits to be imported: one of a set of its own, so that no image ever lies in it. In the registry its id has a prefix
/// that no configured store can have.
/// </summary>
/// <remarks>
/// A staged object is not named after its image but after the attempt that wrote it. So no object ever takes another's name, and one that is
/// to be deleted can be deleted at any time, whatever has become of the image since.
/// </remarks>
internal sealed class StagingStore(StoreSet? set)
{
    private const string Prefix = "os_glance_staging:";

    /// <summary>Whether data can be staged at all.</summary>
    public bool IsConfigured => set is not null;

    /// <summary>Its id in the registry.</summary>
    public string Id => IdOf(Set.Default);

    private StoreSet Set => set ?? throw new ImageException(ImageError.NotFound, "There is no staging area at this site.");

    /// <summary>The id in the registry of a store of staging's own set.</summary>
    public static string IdOf(Store store) => Prefix + store.Id;

    /// <summary>Whether an id in the registry is that of a staging store.</summary>
    public static bool Owns(string storeId) => storeId.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The attempt behind an intent, as drivers know it.</summary>
    public static WriteAttempt AttemptOf(StoreIntent intent) => new(
        Owns(intent.Store) ? Guid.ParseExact(intent.AttemptId, "N").ToString("D") : intent.ImageId, intent.AttemptId);

    /// <summary>The driver of a staging store; false when it is not the configured one or did not start.</summary>
    public bool TryGetDriver(string storeId, [NotNullWhen(true)] out IStorageDriver? driver)
    {
        driver = null;
        return set is not null && Owns(storeId) && set.TryGetDriver(storeId[Prefix.Length..], out driver);
    }
}
