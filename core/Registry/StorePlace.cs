namespace GlanceGateway.Registry;

/// <summary>What one gateway finds behind a store's name.</summary>
/// <param name="Instance">The gateway's instance id.</param>
/// <param name="Node">What operators call it.</param>
/// <param name="Store">The store's id.</param>
/// <param name="Place">Equal for gateways that see the same data there; null for a store that is the same from everywhere, or when it is not known.</param>
/// <param name="SeenAt">When it looked last, in the database's time.</param>
public sealed record StorePlace(string Instance, string Node, string Store, string? Place, DateTimeOffset SeenAt);
