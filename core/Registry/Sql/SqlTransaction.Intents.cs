namespace GlanceGateway.Registry.Sql;

internal sealed partial class SqlTransaction
{
    public override Task InsertIntentAsync(StoreIntent intent, CancellationToken cancellationToken) => Connection.RunAsync(
        """
        INSERT INTO store_intents (attempt_id, kind, image_id, store, url, lease_name, registered, created_at, place, not_before)
        VALUES (@AttemptId, @kind, @ImageId, @Store, @Url, @LeaseName, @registered, @at, @Place, @notBefore)
        """,
        new
        {
            intent.AttemptId,
            kind = Words.Of(intent.Kind),
            intent.ImageId,
            intent.Store,
            intent.Url,
            intent.LeaseName,
            registered = intent.Registered ? 1 : 0,
            at = Words.Of(intent.CreatedAt),
            intent.Place,
            notBefore = intent.NotBefore is { } time ? Words.Of(time) : (long?)null,
        },
        cancellationToken);

    public override Task RegisterIntentAsync(string attemptId, CancellationToken cancellationToken) =>
        Connection.RunAsync("UPDATE store_intents SET registered = 1 WHERE attempt_id = @attemptId", new { attemptId }, cancellationToken);

    public override Task RemoveIntentAsync(string attemptId, CancellationToken cancellationToken) =>
        Connection.RunAsync("DELETE FROM store_intents WHERE attempt_id = @attemptId", new { attemptId }, cancellationToken);
}
