using System.Data.Common;
using Dapper;

namespace GlanceGateway.Registry.Sql;

/// <summary>Reading metadata definitions.</summary>
internal static class MetadefReads
{
    public static async Task<MetadefNamespace?> FindAsync(DbConnection connection, string name, CancellationToken cancellationToken)
    {
        if (Words.AreUnknown(name))
            return null;
        var row = await connection.RowAsync<MetadefNamespaceRow>(
            $"SELECT {MetadefNamespaceRow.Columns} FROM metadef_namespaces n WHERE n.name = @name", new { name }, cancellationToken);
        return row?.ToNamespace();
    }

    public static async Task<IReadOnlyList<MetadefPart>> PartsAsync(
        DbConnection connection, long[] namespaceIds, MetadefPartKind? kind, CancellationToken cancellationToken)
    {
        if (namespaceIds.Length == 0)
            return [];
        var among = Dialect.Of(connection).AnyOf("namespace_id", "@namespaceIds");
        var rows = await connection.RowsAsync<MetadefPartRow>(
            $"SELECT {MetadefPartRow.Columns} FROM metadef_parts WHERE {among}{(kind is null ? "" : " AND kind = @kind")} ORDER BY id",
            new { namespaceIds, kind = kind is { } only ? MetadefPartRow.Of(only) : null }, cancellationToken);
        return [.. rows.Select(row => row.ToPart())];
    }

    public static async Task<IReadOnlyList<MetadefNamespace>> ListAsync(DbConnection connection, MetadefQuery query, CancellationToken cancellationToken)
    {
        List<string> conditions = [];
        var values = new DynamicParameters();
        values.Add("limit", query.Limit);
        if (!query.Viewer.SeesEverything)
        {
            conditions.Add("(n.public = 1 OR n.owner IS NULL OR n.owner = @viewer)");
            values.Add("viewer", query.Viewer.ProjectId);
        }

        if (query.IsPublic is { } visible)
        {
            conditions.Add("n.public = @public");
            values.Add("public", visible ? 1L : 0L);
        }

        if (query.ResourceTypes.Count > 0)
        {
            var types = query.ResourceTypes.Where(type => !Words.AreUnknown(type)).ToArray();
            if (types.Length == 0)
                return [];
            var among = Dialect.Of(connection).AnyOf("p.name", "@types");
            conditions.Add($"EXISTS (SELECT 1 FROM metadef_parts p WHERE p.namespace_id = n.id AND p.kind = 'resource_type' AND {among})");
            values.Add("types", types);
        }

        var (column, value) = Key(query);
        if (query.After is { } after)
        {
            conditions.Add($"({column}, n.id) {(query.Descending ? '<' : '>')} (@value, @id)");
            values.Add("value", value);
            values.Add("id", after.Id);
        }

        var where = conditions.Count == 0 ? "" : "WHERE " + string.Join(" AND ", conditions);
        var direction = query.Descending ? "DESC" : "ASC";
        var rows = await connection.RowsAsync<MetadefNamespaceRow>(
            $"SELECT {MetadefNamespaceRow.Columns} FROM metadef_namespaces n {where} ORDER BY {column} {direction}, n.id {direction} LIMIT @limit",
            values, cancellationToken);
        return [.. rows.Select(row => row.ToNamespace())];
    }

    public static async Task<IReadOnlyList<MetadefResourceType>> ResourceTypesAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        var rows = await connection.RowsAsync<MetadefResourceTypeRow>(
            "SELECT name AS Name, created_at AS CreatedAt, updated_at AS UpdatedAt FROM metadef_resource_types ORDER BY id", null, cancellationToken);
        return [.. rows.Select(row => new MetadefResourceType(row.Name, Words.Time(row.CreatedAt), Words.Time(row.UpdatedAt)))];
    }

    /// <summary>The column of the sort key, and its value in the namespace after which the page begins.</summary>
    private static (string Column, object? Value) Key(MetadefQuery query) => query.Sort switch
    {
        MetadefColumn.UpdatedAt => ("n.updated_at", query.After is { } after ? Words.Of(after.UpdatedAt) : null),
        MetadefColumn.Name => ("n.name", query.After?.Name),
        MetadefColumn.DisplayName => ("COALESCE(n.display_name, '')", query.After?.DisplayName ?? ""),
        MetadefColumn.Owner => ("COALESCE(n.owner, '')", query.After?.Owner ?? ""),
        MetadefColumn.Id => ("n.id", query.After?.Id),
        _ => ("n.created_at", query.After is { } after ? Words.Of(after.CreatedAt) : null),
    };
}
