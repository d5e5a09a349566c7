using System.Data.Common;

namespace GlanceGateway.Registry.Sql;

/// <summary>Reading what other parts follow: the change feed and the intents that nobody works on any more.</summary>
internal static class FollowReads
{
    public static Task<long> LatestChangeAsync(DbConnection connection, CancellationToken cancellationToken) =>
        connection.ValueAsync<long>("SELECT COALESCE(MAX(sequence), 0) FROM changes", parameters: null, cancellationToken);

    public static async Task<IReadOnlyList<ImageChange>> ChangesAsync(DbConnection connection, long after, int limit, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync<ChangeRow>(
            """
            SELECT sequence AS Sequence, image_id AS ImageId, kind AS Kind, changed_at AS ChangedAt
            FROM changes WHERE sequence > @after ORDER BY sequence LIMIT @limit
            """, new { after, limit }, cancellationToken);
        return [.. rows.Select(row => row.ToChange())];
    }

    /// <summary>The first change that is to be kept when those before a time go; the newest is always kept, so that the feed's end stays known.</summary>
    public static Task<long> FirstKeptChangeAsync(DbConnection connection, DateTimeOffset olderThan, CancellationToken cancellationToken) =>
        connection.ValueAsync<long>(
            "SELECT COALESCE((SELECT sequence FROM changes WHERE changed_at >= @at ORDER BY sequence LIMIT 1), (SELECT MAX(sequence) FROM changes), 0)",
            new { at = Words.Of(olderThan) }, cancellationToken);

    public static async Task<IReadOnlyList<StoreIntent>> DeadIntentsAsync(
        DbConnection connection, string instanceId, bool ownToo, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync<IntentRow>(
            $"""
            SELECT attempt_id AS AttemptId, kind AS Kind, image_id AS ImageId, store AS Store, url AS Url, lease_name AS LeaseName,
                registered AS Registered, created_at AS CreatedAt, place AS Place
            FROM store_intents s
            WHERE NOT EXISTS (SELECT 1 FROM leases l WHERE l.name = s.lease_name AND l.expires_at > @now{(ownToo ? " AND l.owner <> @instanceId" : "")})
            ORDER BY created_at, attempt_id
            """, new { instanceId, now = Words.Of(now) }, cancellationToken);
        return [.. rows.Select(row => row.ToIntent())];
    }
}
