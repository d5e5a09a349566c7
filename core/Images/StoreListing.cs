using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>A store as users see it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Description">The operator's words; null for none.</param>
/// <param name="IsDefault">Whether data goes there when nobody says where.</param>
/// <param name="ReadOnly">Whether it cannot be written.</param>
public record StoreSummary(string Id, string? Description, bool IsDefault, bool ReadOnly);

/// <summary>A store as administrators and services see it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Description">The operator's words; null for none.</param>
/// <param name="IsDefault">Whether data goes there when nobody says where.</param>
/// <param name="ReadOnly">Whether it cannot be written.</param>
/// <param name="Type">Glance's name of its kind (<c>file</c>, <c>rbd</c>).</param>
/// <param name="Weight">Greater is read first.</param>
/// <param name="Properties">Glance's properties of its kind: texts, numbers and flags. Never a secret.</param>
public sealed record StoreDetail(
    string Id, string? Description, bool IsDefault, bool ReadOnly, string Type, int Weight, IReadOnlyList<KeyValuePair<string, object?>> Properties)
    : StoreSummary(Id, Description, IsDefault, ReadOnly);

/// <summary>Which stores there are.</summary>
public sealed class StoreListing
{
    /// <summary>What is told of each kind: Glance's name of it, its names of properties, and ours. A kind that is not here tells nothing.</summary>
    private static readonly Dictionary<string, (string Type, (string Theirs, string Ours)[] Properties)> kinds = new(StringComparer.Ordinal)
    {
        ["filesystem"] = ("file", [("data_dir", "directory")]),
        ["rbd"] = ("rbd", [("chunk_size", "chunk_size"), ("pool", "pool"), ("thin_provisioning", "thin_provisioning")]),
        ["s3"] = ("s3", [("s3_store_large_object_chunk_size", "part_size"), ("s3_store_thread_pools", "parts_in_flight")]),
        ["swift"] = ("swift", [("container", "container"), ("large_object_size", "large_object_size"), ("large_object_chunk_size", "large_object_chunk_size")]),
    };

    private readonly StoreSet stores;
    private readonly PolicyRules policy;

    internal StoreListing(StoreSet stores, PolicyRules policy)
    {
        this.stores = stores;
        this.policy = policy;
    }

    /// <summary>All configured stores, in the order of the configuration. Everybody may know them.</summary>
    public IReadOnlyList<StoreSummary> List(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return [.. stores.All.Select(s => new StoreSummary(s.Id, s.Description, s.IsDefault, s.IsReadOnly))];
    }

    /// <summary>All configured stores with how they are configured.</summary>
    /// <exception cref="ImageException"><see cref="ImageError.Forbidden"/>.</exception>
    public IReadOnlyList<StoreDetail> Detail(Caller caller)
    {
        policy.Require(caller, PolicyAction.StoresInfoDetail, image: null, isMember: false);
        return [.. stores.All.Select(Describe)];
    }

    private static StoreDetail Describe(Store store)
    {
        var (type, names) = kinds.GetValueOrDefault(store.DriverName, (store.DriverName, []));
        return new StoreDetail(
            store.Id, store.Description, store.IsDefault, store.IsReadOnly, type, store.Weight,
            [.. names.Where(name => store.Settings.ContainsKey(name.Ours)).Select(name => KeyValuePair.Create(name.Theirs, (object?)store.Settings[name.Ours]))]);
    }
}
