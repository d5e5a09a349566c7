namespace GlanceGateway.Registry.Sql;

// Who lists an image, before and after what a unit does to it. The rules are those of ImageList for VisibilityFilter.All with accepted shares; a test
// compares the two.

internal sealed partial class SqlTransaction
{
    /// <summary>Everything but members that decides on who lists an image; null when there is no such image.</summary>
    private async Task<Reach?> ReachAsync(string imageId, CancellationToken cancellationToken) => await Connection.RowAsync<Reach>(
        "SELECT visibility AS Visibility, owner AS Owner, status AS Status FROM images WHERE id = @imageId", new { imageId }, cancellationToken);

    /// <summary>Who lists the image now and will not when it is saved as it is in the record.</summary>
    private async Task<Audience> LostByUpdateAsync(Image image, CancellationToken cancellationToken)
    {
        if (await ReachAsync(image.Id, cancellationToken) is not { } before)
            return Audience.Nobody;
        Reach after = new() { Visibility = Words.Of(image.Visibility), Owner = image.Owner, Status = Words.Of(image.Status) };
        if (before.IsListed == after.IsListed && before.Visibility == after.Visibility && before.Owner == after.Owner)
            return Audience.Nobody;
        return (await AudienceAsync(before, image.Id, cancellationToken)).Without(await AudienceAsync(after, image.Id, cancellationToken));
    }

    private async Task<Audience> AudienceAsync(Reach? reach, string imageId, CancellationToken cancellationToken)
    {
        if (reach is not { IsListed: true })
            return Audience.Nobody;
        if (reach.Owner is not { } owner || reach.Visibility is "public" or "community")
            return Audience.Everybody;
        if (reach.Visibility != "shared")
            return Audience.Of([owner]);
        var members = await MemberReads.ListAsync(Connection, imageId, cancellationToken);
        return Audience.Of([owner, .. members.Where(member => member.Status == MemberStatus.Accepted).Select(member => member.MemberId)]);
    }

    /// <summary>The member alone, if it lists the image for no other reason than that it is one.</summary>
    private async Task<Audience> AudienceByMembershipAsync(string imageId, string memberId, CancellationToken cancellationToken)
    {
        var isAccepted = await MemberReads.FindAsync(Connection, imageId, memberId, cancellationToken) is { Status: MemberStatus.Accepted };
        return isAccepted && await ReachAsync(imageId, cancellationToken) is { IsListed: true, Visibility: "shared", Owner: { } owner } && owner != memberId
            ? Audience.Of([memberId])
            : Audience.Nobody;
    }

    private sealed class Reach
    {
        public required string Visibility { get; init; }

        public string? Owner { get; init; }

        public required string Status { get; init; }

        public bool IsListed => Status is not ("deleted" or "killed" or "pending_delete");
    }
}
