namespace GlanceGateway.Registry.Sql;

internal sealed partial class SqlTransaction
{
    public override Task<long> SumUsageAsync(string project, UsageKind kind, CancellationToken cancellationToken) =>
        UsageReads.SumAsync(Connection, project, kind, Now, cancellationToken);

    public override async Task<bool> ReserveAsync(
        long leaseEpoch, string project, UsageKind kind, long amount, CancellationToken cancellationToken)
    {
        var word = Words.Of(kind);
        if (amount == 0)
        {
            await Connection.RunAsync("DELETE FROM reservations WHERE lease_epoch = @leaseEpoch AND kind = @word", new { leaseEpoch, word }, cancellationToken);
            return true;
        }

        return await Connection.RunAsync(
            """
            INSERT INTO reservations (lease_epoch, kind, project, amount)
            SELECT epoch, @word, @project, @amount FROM leases WHERE epoch = @leaseEpoch
            ON CONFLICT (lease_epoch, kind) DO UPDATE SET amount = excluded.amount
            """, new { leaseEpoch, word, project, amount }, cancellationToken) != 0;
    }

    public override Task LowerReservationAsync(long leaseEpoch, UsageKind kind, long amount, CancellationToken cancellationToken) => Connection.RunAsync(
        "UPDATE reservations SET amount = @amount WHERE lease_epoch = @leaseEpoch AND kind = @kind AND amount > @amount",
        new { leaseEpoch, kind = Words.Of(kind), amount }, cancellationToken);

    public override Task<string?> FindImageAtAsync(string url, CancellationToken cancellationToken) => Connection.ValueAsync<string>(
        "SELECT image_id FROM image_locations WHERE url = @url ORDER BY id LIMIT 1", new { url }, cancellationToken);
}
