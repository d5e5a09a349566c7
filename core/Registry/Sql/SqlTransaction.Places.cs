namespace GlanceGateway.Registry.Sql;

internal sealed partial class SqlTransaction
{
    public override async Task SavePlacesAsync(string node, IReadOnlyDictionary<string, string?> places, TimeSpan keep, CancellationToken cancellationToken)
    {
        await Connection.RunAsync(
            "DELETE FROM store_places WHERE instance = @instanceId OR seen_at < @before",
            new { instanceId, before = Words.Of(Now - keep) }, cancellationToken);
        foreach (var (store, place) in places)
        {
            await Connection.RunAsync(
                "INSERT INTO store_places (instance, store, node, place, seen_at) VALUES (@instanceId, @store, @node, @place, @at)",
                new { instanceId, store, node, place, at = NowMicroseconds }, cancellationToken);
        }
    }

    public override Task<IReadOnlyList<StorePlace>> ListPlacesAsync(CancellationToken cancellationToken) => PlaceReads.ListAsync(Connection, cancellationToken);
}
