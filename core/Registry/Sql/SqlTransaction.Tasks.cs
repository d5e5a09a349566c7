namespace GlanceGateway.Registry.Sql;

internal sealed partial class SqlTransaction
{
    public override async Task<TaskRecord> InsertTaskAsync(TaskRecord task, CancellationToken cancellationToken)
    {
        var stored = task with { CreatedAt = Now, UpdatedAt = Now };
        await Connection.RunAsync(
            """
            INSERT INTO tasks (id, type, status, owner, image_id, user_id, request_id, input, result, message, lease_name, attempts,
                created_at, updated_at, expires_at)
            VALUES (@Id, @Type, @Status, @Owner, @ImageId, @UserId, @RequestId, @Input, @Result, @Message, @LeaseName, @Attempts,
                @CreatedAt, @UpdatedAt, @ExpiresAt)
            """, TaskRow.Of(stored), cancellationToken);
        return stored;
    }

    public override Task<TaskRecord?> FindTaskAsync(string id, CancellationToken cancellationToken) =>
        TaskReads.FindAsync(Connection, id, Now, cancellationToken);

    public override async Task<TaskRecord> UpdateTaskAsync(TaskRecord task, CancellationToken cancellationToken)
    {
        var stored = task with { UpdatedAt = Now };
        await Connection.RunAsync(
            """
            UPDATE tasks SET status = @Status, result = @Result, message = @Message, attempts = @Attempts, updated_at = @UpdatedAt, expires_at = @ExpiresAt
            WHERE id = @Id
            """, TaskRow.Of(stored), cancellationToken);
        return stored;
    }

    public override Task<int> RemoveExpiredTasksAsync(CancellationToken cancellationToken) =>
        Connection.RunAsync("DELETE FROM tasks WHERE expires_at <= @now", new { now = NowMicroseconds }, cancellationToken);

    public override Task<StagedData?> FindStagedAsync(string imageId, CancellationToken cancellationToken) =>
        TaskReads.StagedAsync(Connection, imageId, cancellationToken);

    public override Task InsertStagedAsync(StagedData staged, CancellationToken cancellationToken) => Connection.RunAsync(
        """
        INSERT INTO staged_data (image_id, store, url, size, hash_value, created_at, place)
        VALUES (@ImageId, @Store, @Url, @Size, @HashValue, @at, @Place)
        """,
        new { staged.ImageId, staged.Store, staged.Url, staged.Size, staged.HashValue, at = NowMicroseconds, staged.Place }, cancellationToken);

    public override Task RemoveStagedAsync(string imageId, CancellationToken cancellationToken) =>
        Connection.RunAsync("DELETE FROM staged_data WHERE image_id = @imageId", new { imageId }, cancellationToken);

    public override async Task<IReadOnlyList<StoreIntent>> ListIntentsAsync(string leaseName, CancellationToken cancellationToken)
    {
        var rows = await Connection.RowsAsync<IntentRow>(
            $"SELECT {IntentRow.Columns} FROM store_intents WHERE lease_name = @leaseName ORDER BY created_at, attempt_id", new { leaseName }, cancellationToken);
        return [.. rows.Select(row => row.ToIntent())];
    }
}
