using System.Data.Common;

namespace GlanceGateway.Registry.Sql;

/// <summary>Reading members.</summary>
internal static class MemberReads
{
    public static async Task<ImageMember?> FindAsync(DbConnection connection, string imageId, string memberId, CancellationToken cancellationToken)
    {
        if (Words.AreUnknown(imageId, memberId))
            return null;
        var row = await connection.RowAsync<MemberRow>(
            $"SELECT {MemberRow.Columns} FROM image_members WHERE image_id = @imageId AND member_id = @memberId",
            new { imageId, memberId }, cancellationToken);
        return row?.ToMember();
    }

    public static async Task<IReadOnlyList<ImageMember>> ListAsync(DbConnection connection, string imageId, CancellationToken cancellationToken)
    {
        if (Words.AreUnknown(imageId))
            return [];
        var rows = await connection.RowsAsync<MemberRow>(
            $"SELECT {MemberRow.Columns} FROM image_members WHERE image_id = @imageId ORDER BY id", new { imageId }, cancellationToken);
        return [.. rows.Select(row => row.ToMember())];
    }
}
