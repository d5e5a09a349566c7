using System.Data.Common;

namespace GlanceGateway.Registry.Sql;

/// <summary>Metadata definitions inside a unit of work.</summary>
/// <param name="connection">The unit's connection; fails when the unit has ended.</param>
/// <param name="now">The unit's time in microseconds.</param>
internal sealed class SqlMetadefs(Func<DbConnection> connection, long now) : MetadefTransaction
{
    private DbConnection Connection => connection();

    public override Task<MetadefNamespace?> FindAsync(string name, CancellationToken cancellationToken) =>
        MetadefReads.FindAsync(Connection, name, cancellationToken);

    public override Task<IReadOnlyList<MetadefPart>> ListPartsAsync(long namespaceId, MetadefPartKind? kind, CancellationToken cancellationToken) =>
        MetadefReads.PartsAsync(Connection, [namespaceId], kind, cancellationToken);

    public override async Task<MetadefNamespace?> InsertAsync(MetadefNamespace added, CancellationToken cancellationToken)
    {
        var inserted = await Connection.RunAsync(
            """
            INSERT INTO metadef_namespaces (name, display_name, description, public, protected, owner, created_at, updated_at)
            VALUES (@Name, @DisplayName, @Description, @IsPublic, @Protected, @Owner, @CreatedAt, @UpdatedAt)
            ON CONFLICT (name) DO NOTHING
            """, MetadefNamespaceRow.Of(added, now), cancellationToken);
        return inserted == 0 ? null : await FindAsync(added.Name, cancellationToken);
    }

    public override async Task<MetadefNamespace?> UpdateAsync(MetadefNamespace changed, CancellationToken cancellationToken)
    {
        var updated = await Connection.RunAsync(
            """
            UPDATE metadef_namespaces SET name = @Name, display_name = @DisplayName, description = @Description, public = @IsPublic,
                protected = @Protected, owner = @Owner, updated_at = @UpdatedAt
            WHERE id = @Id
            """, MetadefNamespaceRow.Of(changed, now), cancellationToken);
        return updated == 0 ? null : await FindAsync(changed.Name, cancellationToken);
    }

    public override async Task<bool> DeleteAsync(long namespaceId, CancellationToken cancellationToken)
    {
        await Connection.RunAsync("DELETE FROM metadef_parts WHERE namespace_id = @namespaceId", new { namespaceId }, cancellationToken);
        return await Connection.RunAsync("DELETE FROM metadef_namespaces WHERE id = @namespaceId", new { namespaceId }, cancellationToken) > 0;
    }

    public override async Task<MetadefPart?> InsertPartAsync(long namespaceId, MetadefPart part, CancellationToken cancellationToken)
    {
        var kind = MetadefPartRow.Of(part.Kind);
        var row = await Connection.RowAsync<MetadefPartRow>(
            $"""
            INSERT INTO metadef_parts (namespace_id, kind, name, definition, created_at, updated_at)
            VALUES (@namespaceId, @kind, @Name, @Definition, @now, @now)
            ON CONFLICT (namespace_id, kind, name) DO NOTHING
            RETURNING {MetadefPartRow.Columns}
            """, new { namespaceId, kind, part.Name, part.Definition, now }, cancellationToken);
        if (row is not null && part.Kind == MetadefPartKind.ResourceType)
            await AddResourceTypeAsync(part.Name, cancellationToken);
        return row?.ToPart();
    }

    public override async Task<MetadefPart?> UpdatePartAsync(MetadefPart part, CancellationToken cancellationToken)
    {
        var row = await Connection.RowAsync<MetadefPartRow>(
            $"UPDATE metadef_parts SET name = @Name, definition = @Definition, updated_at = @now WHERE id = @Id RETURNING {MetadefPartRow.Columns}",
            new { part.Id, part.Name, part.Definition, now }, cancellationToken);
        return row?.ToPart();
    }

    public override Task<int> DeletePartsAsync(long namespaceId, MetadefPartKind kind, string? name, CancellationToken cancellationToken) => Connection.RunAsync(
        $"DELETE FROM metadef_parts WHERE namespace_id = @namespaceId AND kind = @kind{(name is null ? "" : " AND name = @name")}",
        new { namespaceId, kind = MetadefPartRow.Of(kind), name }, cancellationToken);

    public override Task AddResourceTypeAsync(string name, CancellationToken cancellationToken) => Connection.RunAsync(
        "INSERT INTO metadef_resource_types (name, created_at, updated_at) VALUES (@name, @now, @now) ON CONFLICT (name) DO NOTHING",
        new { name, now }, cancellationToken);

    public override async Task<bool> HasResourceTypesAsync(CancellationToken cancellationToken) =>
        await Connection.ValueAsync<long>("SELECT COUNT(*) FROM metadef_resource_types", null, cancellationToken) > 0;
}
