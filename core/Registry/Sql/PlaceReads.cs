using System.Data.Common;

namespace GlanceGateway.Registry.Sql;

/// <summary>Reading which places gateways find behind the names of stores.</summary>
internal static class PlaceReads
{
    public static async Task<IReadOnlyList<StorePlace>> ListAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync<PlaceRow>(
            "SELECT instance AS Instance, node AS Node, store AS Store, place AS Place, seen_at AS SeenAt FROM store_places ORDER BY store, node, instance",
            parameters: null, cancellationToken);
        return [.. rows.Select(row => new StorePlace(row.Instance, row.Node, row.Store, row.Place, Words.Time(row.SeenAt)))];
    }

    private sealed class PlaceRow
    {
        public required string Instance { get; init; }

        public required string Node { get; init; }

        public required string Store { get; init; }

        public string? Place { get; init; }

        public long SeenAt { get; init; }
    }
}
