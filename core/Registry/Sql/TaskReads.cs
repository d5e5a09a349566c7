using System.Data.Common;

namespace GlanceGateway.Registry.Sql;

/// <summary>Reading tasks and staged data. A task that has expired is as good as gone.</summary>
internal static class TaskReads
{
    public static async Task<TaskRecord?> FindAsync(DbConnection connection, string id, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (Words.AreUnknown(id))
            return null;
        var row = await connection.RowAsync<TaskRow>(
            $"SELECT {TaskRow.Columns} FROM tasks WHERE id = @id AND (expires_at IS NULL OR expires_at > @now)",
            new { id, now = Words.Of(now) }, cancellationToken);
        return row?.ToTask();
    }

    /// <exception cref="UnknownMarkerException">The marker is no task that the viewer may see.</exception>
    public static async Task<IReadOnlyList<TaskRecord>> ListAsync(
        DbConnection connection, TaskQuery query, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (Words.AreUnknown(query.Type, query.Viewer.ProjectId))
            return [];
        var visible = "(expires_at IS NULL OR expires_at > @now)"
            + (query.Viewer.SeesEverything ? "" : " AND owner = @owner")
            + (query.Type is null ? "" : " AND type = @type")
            + (query.Status is null ? "" : " AND status = @status");
        var column = Column(query.Sort);
        var (before, direction) = query.Descending ? ("<", "DESC") : (">", "ASC");
        var parameters = new
        {
            now = Words.Of(now),
            owner = query.Viewer.ProjectId,
            type = query.Type,
            status = query.Status is { } status ? Words.Of(status) : null,
            marker = query.Marker,
            limit = query.Limit,
        };
        var start = "";
        if (query.Marker is { } marker)
        {
            var known = !Words.AreUnknown(marker) && await connection.ValueAsync<long>(
                $"SELECT COUNT(*) FROM tasks WHERE id = @marker AND {visible}", parameters, cancellationToken) != 0;
            if (!known)
                throw new UnknownMarkerException(marker);
            start = $" AND ({column}, id) {before} (SELECT {column}, id FROM tasks WHERE id = @marker)";
        }

        var rows = await connection.RowsAsync<TaskRow>(
            $"SELECT {TaskRow.Columns} FROM tasks WHERE {visible}{start} ORDER BY {column} {direction}, id {direction} LIMIT @limit",
            parameters, cancellationToken);
        return [.. rows.Select(row => row.ToTask())];
    }

    public static async Task<IReadOnlyList<TaskRecord>> OfImageAsync(
        DbConnection connection, string imageId, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (Words.AreUnknown(imageId))
            return [];
        var rows = await connection.RowsAsync<TaskRow>(
            $"SELECT {TaskRow.Columns} FROM tasks WHERE image_id = @imageId AND (expires_at IS NULL OR expires_at > @now) ORDER BY created_at, id",
            new { imageId, now = Words.Of(now) }, cancellationToken);
        return [.. rows.Select(row => row.ToTask())];
    }

    /// <summary>Tasks that have not ended and whose lease nobody holds, oldest first.</summary>
    public static async Task<IReadOnlyList<TaskRecord>> DeadAsync(
        DbConnection connection, string instanceId, bool ownToo, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync<TaskRow>(
            $"""
            SELECT {TaskRow.Columns} FROM tasks t
            WHERE status IN ('pending', 'processing')
                AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.name = t.lease_name AND l.expires_at > @now{(ownToo ? " AND l.owner <> @instanceId" : "")})
            ORDER BY created_at, id
            """, new { instanceId, now = Words.Of(now) }, cancellationToken);
        return [.. rows.Select(row => row.ToTask())];
    }

    public static async Task<StagedData?> StagedAsync(DbConnection connection, string imageId, CancellationToken cancellationToken)
    {
        var row = await connection.RowAsync<StagedRow>(
            """
            SELECT image_id AS ImageId, store AS Store, url AS Url, size AS Size, hash_value AS HashValue, created_at AS CreatedAt, place AS Place
            FROM staged_data WHERE image_id = @imageId
            """, new { imageId }, cancellationToken);
        return row?.ToStaged();
    }

    private static string Column(TaskColumn column) => column switch
    {
        TaskColumn.CreatedAt => "created_at",
        TaskColumn.UpdatedAt => "updated_at",
        TaskColumn.ExpiresAt => "COALESCE(expires_at, 0)",
        TaskColumn.Id => "id",
        TaskColumn.Type => "type",
        TaskColumn.Status => "status",
        _ => throw new ArgumentOutOfRangeException(nameof(column), column, "no such column of tasks"),
    };
}
