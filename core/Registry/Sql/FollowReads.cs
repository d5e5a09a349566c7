using System.Collections.ObjectModel;
using System.Data.Common;
using Dapper;

namespace GlanceGateway.Registry.Sql;

/// <summary>Reading what other parts follow: the change feed and the intents that nobody works on any more.</summary>
internal static class FollowReads
{
    private const string ChangeColumns = "sequence AS Sequence, image_id AS ImageId, kind AS Kind, changed_at AS ChangedAt, lost_by AS LostBy";

    public static Task<long> LatestChangeAsync(DbConnection connection, CancellationToken cancellationToken) =>
        connection.ValueAsync<long>("SELECT COALESCE(MAX(sequence), 0) FROM changes", parameters: null, cancellationToken);

    public static async Task<IReadOnlyList<ImageChange>> ChangesAsync(DbConnection connection, long after, int limit, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync<ChangeRow>(
            $"SELECT {ChangeColumns} FROM changes WHERE sequence > @after ORDER BY sequence LIMIT @limit", new { after, limit }, cancellationToken);
        return [.. rows.Select(row => row.ToChange())];
    }

    /// <summary>The key of this registry's positions in the feed, 64 hexadecimal digits.</summary>
    public static async Task<string> ChangeKeyAsync(DbConnection connection, CancellationToken cancellationToken) =>
        await connection.ValueAsync<string>("SELECT value FROM change_key", parameters: null, cancellationToken)
            ?? throw new RegistryException("The registry holds no key for positions in the change feed: its table change_key was emptied. Restore it from a copy.");

    /// <summary>Changes and what they are about, on the connection's snapshot.</summary>
    public static async Task<ChangeBatch> BatchAsync(DbConnection connection, long after, int limit, CancellationToken cancellationToken)
    {
        var before = await connection.RowAsync<ChangeRow>($"SELECT {ChangeColumns} FROM changes WHERE sequence = @after", new { after }, cancellationToken);
        var changes = await ChangesAsync(connection, after, limit, cancellationToken);
        var dialect = Dialect.Of(connection);
        var ids = new DynamicParameters();
        ids.Add("ids", dialect.ManyTexts([.. changes.Select(change => change.ImageId).Distinct(StringComparer.Ordinal)]));
        IReadOnlyList<ImageRow> rows = [];
        IReadOnlyList<MemberRow> members = [];
        if (changes.Count > 0)
        {
            rows = await connection.RowsAsync<ImageRow>($"SELECT {ImageRow.Columns} FROM images i WHERE {dialect.AmongTexts("i.id", "@ids")}", ids, cancellationToken);
            members = await connection.RowsAsync<MemberRow>($"SELECT {MemberRow.Columns} FROM image_members WHERE {dialect.AmongTexts("image_id", "@ids")}", ids, cancellationToken);
        }

        var images = await ImageReads.CompleteAsync(connection, rows, cancellationToken);
        return new ChangeBatch(
            before?.ToChange(),
            changes,
            images.ToDictionary(image => image.Id, StringComparer.Ordinal),
            members.Select(row => row.ToMember()).ToLookup(member => member.ImageId, StringComparer.Ordinal));
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
            SELECT {IntentRow.Columns} FROM store_intents s
            WHERE NOT EXISTS (SELECT 1 FROM leases l WHERE l.name = s.lease_name AND l.expires_at > @now{(ownToo ? " AND l.owner <> @instanceId" : "")})
                AND (not_before IS NULL OR not_before <= @now)
            ORDER BY created_at, attempt_id
            """, new { instanceId, now = Words.Of(now) }, cancellationToken);
        return [.. rows.Select(row => row.ToIntent())];
    }

    /// <summary>Images that are deleted while their data is to stay for a while, with the places of the data.</summary>
    public static async Task<IReadOnlyList<Image>> DeletedWithDataAsync(DbConnection connection, DateTimeOffset now, CancellationToken cancellationToken)
    {
        const string Waiting = "FROM store_intents WHERE kind = 'delete' AND url IS NOT NULL AND not_before > @now";
        var at = new { now = Words.Of(now) };
        var intents = (await connection.RowsAsync<IntentRow>($"SELECT {IntentRow.Columns} {Waiting} ORDER BY attempt_id", at, cancellationToken)).ToLookup(row => row.ImageId);
        var rows = await connection.RowsAsync<ImageRow>(
            $"SELECT {ImageRow.Columns} FROM images i WHERE i.status = 'deleted' AND i.id IN (SELECT image_id {Waiting})", at, cancellationToken);
        return [.. rows.Select(row => row.ToImage() with
        {
            Locations = [.. intents[row.Id].Select(intent => new ImageLocation(0, intent.Store, intent.Url!, ReadOnlyDictionary<string, string>.Empty, intent.Place))],
        })];
    }
}
