using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>A store as users see it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Description">The operator's words; null for none.</param>
/// <param name="IsDefault">Whether data goes there when nobody says where.</param>
/// <param name="ReadOnly">Whether it cannot be written.</param>
public sealed record StoreSummary(string Id, string? Description, bool IsDefault, bool ReadOnly);

/// <summary>Which stores there are.</summary>
public sealed class StoreListing
{
    private readonly StoreSet stores;

    internal StoreListing(StoreSet stores) => this.stores = stores;

    /// <summary>All configured stores, in the order of the configuration. Everybody may know them.</summary>
    public IReadOnlyList<StoreSummary> List(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return [.. stores.All.Select(s => new StoreSummary(s.Id, s.Description, s.IsDefault, ReadOnly: false))];
    }
}
