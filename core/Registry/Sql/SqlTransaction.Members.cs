namespace GlanceGateway.Registry.Sql;

internal sealed partial class SqlTransaction
{
    public override Task<ImageMember?> FindMemberAsync(string imageId, string memberId, CancellationToken cancellationToken) =>
        MemberReads.FindAsync(Connection, imageId, memberId, cancellationToken);

    public override async Task<int> CountMembersAsync(string imageId, CancellationToken cancellationToken) =>
        await Connection.ValueAsync<int>("SELECT COUNT(*) FROM image_members WHERE image_id = @imageId", new { imageId }, cancellationToken);

    public override async Task<ImageMember?> InsertMemberAsync(string imageId, string memberId, CancellationToken cancellationToken)
    {
        var inserted = await Connection.RunAsync(
            """
            INSERT INTO image_members (image_id, member_id, status, created_at, updated_at)
            SELECT @imageId, @memberId, @status, @at, @at WHERE EXISTS (SELECT 1 FROM images WHERE id = @imageId AND status <> 'deleted')
            ON CONFLICT (image_id, member_id) DO NOTHING
            """, new { imageId, memberId, status = Words.Of(MemberStatus.Pending), at = NowMicroseconds }, cancellationToken);
        return inserted == 0 ? null : await RecordMemberAsync(imageId, memberId, cancellationToken);
    }

    public override async Task<ImageMember?> UpdateMemberAsync(string imageId, string memberId, MemberStatus status, CancellationToken cancellationToken)
    {
        var lostBy = status == MemberStatus.Accepted ? Audience.Nobody : await AudienceByMembershipAsync(imageId, memberId, cancellationToken);
        var updated = await Connection.RunAsync(
            "UPDATE image_members SET status = @status, updated_at = @at WHERE image_id = @imageId AND member_id = @memberId",
            new { imageId, memberId, status = Words.Of(status), at = NowMicroseconds }, cancellationToken);
        return updated == 0 ? null : await RecordMemberAsync(imageId, memberId, cancellationToken, lostBy);
    }

    public override async Task<bool> DeleteMemberAsync(string imageId, string memberId, CancellationToken cancellationToken)
    {
        var lostBy = await AudienceByMembershipAsync(imageId, memberId, cancellationToken);
        var deleted = await Connection.RunAsync(
            "DELETE FROM image_members WHERE image_id = @imageId AND member_id = @memberId", new { imageId, memberId }, cancellationToken);
        if (deleted == 0)
            return false;
        Record(imageId, ChangeKind.Members, lostBy);
        return true;
    }

    private async Task<ImageMember?> RecordMemberAsync(string imageId, string memberId, CancellationToken cancellationToken, Audience? lostBy = null)
    {
        Record(imageId, ChangeKind.Members, lostBy);
        return await FindMemberAsync(imageId, memberId, cancellationToken);
    }
}
