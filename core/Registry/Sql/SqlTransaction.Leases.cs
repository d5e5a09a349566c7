namespace GlanceGateway.Registry.Sql;

internal sealed partial class SqlTransaction
{
    /// <summary>What it takes to hold a lease: the row of this very taking, not expired.</summary>
    private const string Held = "name = @Name AND owner = @Owner AND epoch = @Epoch AND expires_at > @now";

    public override async Task<Lease?> TakeLeaseAsync(string name, TimeSpan duration, bool ownToo, CancellationToken cancellationToken)
    {
        var holder = await Connection.RowAsync<LeaseRow>(
            "SELECT epoch AS Epoch, owner AS Owner, expires_at AS ExpiresAt FROM leases WHERE name = @name", new { name }, cancellationToken);
        if (holder is not null && holder.ExpiresAt > NowMicroseconds && !(ownToo && holder.Owner == instanceId))
            return null;
        var expiresAt = Words.Of(Now + duration);
        await Connection.RunAsync("DELETE FROM leases WHERE name = @name", new { name }, cancellationToken);
        var epoch = await Connection.ValueAsync<long>(
            "INSERT INTO leases (name, owner, expires_at) VALUES (@name, @instanceId, @expiresAt) RETURNING epoch",
            new { name, instanceId, expiresAt }, cancellationToken);
        return new Lease(name, instanceId, epoch, Words.Time(expiresAt));
    }

    public override async Task<Lease?> RenewLeaseAsync(Lease lease, TimeSpan duration, CancellationToken cancellationToken)
    {
        var expiresAt = Words.Of(Now + duration);
        var renewed = await Connection.RunAsync(
            $"UPDATE leases SET expires_at = @expiresAt WHERE {Held}",
            new { lease.Name, lease.Owner, lease.Epoch, now = NowMicroseconds, expiresAt }, cancellationToken);
        return renewed == 0 ? null : lease with { ExpiresAt = Words.Time(expiresAt) };
    }

    public override async Task RequireLeaseAsync(Lease lease, CancellationToken cancellationToken)
    {
        var epoch = await Connection.ValueAsync<long?>(
            $"SELECT epoch FROM leases WHERE {Held}{_dialect.LockingRows}",
            new { lease.Name, lease.Owner, lease.Epoch, now = NowMicroseconds }, cancellationToken);
        if (epoch is not null)
            return;
        _lost = new LeaseLostException(lease.Name);
        throw _lost;
    }

    public override Task ReleaseLeaseAsync(Lease lease, CancellationToken cancellationToken) => Connection.RunAsync(
        "DELETE FROM leases WHERE name = @Name AND owner = @Owner AND epoch = @Epoch", new { lease.Name, lease.Owner, lease.Epoch }, cancellationToken);
}
