using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

public sealed class ChangesTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_caller_hears_of_what_it_may_see_and_of_what_it_may_no_longer_see()
    {
        await using var world = await ImageWorld.OpenAsync();
        var members = world.Images.Members;
        Image image = null!;
        (string What, Func<Task> Do, bool Owner, bool Member, bool Stranger, bool Admin)[] table =
        [
            ("create", async () => image = await world.CreateAsync(), true, false, false, true),
            ("edit", () => world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("name", "n")), true, false, false, true),
            ("upload", () => world.UploadAsync(image, [1]), true, false, false, true),
            ("share", () => members.AddAsync(ImageWorld.Owner, image.Id, "p-member", Token), true, false, false, true),
            ("accept", () => members.SetStatusAsync(ImageWorld.Member, image.Id, "p-member", MemberStatus.Accepted, Token), true, true, false, true),
            ("hide", () => world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("os_hidden", true)), true, true, false, true),
            ("reject", () => members.SetStatusAsync(ImageWorld.Member, image.Id, "p-member", MemberStatus.Rejected, Token), true, false, false, true),
            ("accept again", () => members.SetStatusAsync(ImageWorld.Member, image.Id, "p-member", MemberStatus.Accepted, Token), true, true, false, true),
            ("unshare", () => members.RemoveAsync(ImageWorld.Owner, image.Id, "p-member", Token), true, false, false, true),
            ("to the community", () => world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("visibility", "community")), true, true, true, true),
            ("private", () => world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("visibility", "private")), true, false, false, true),
            ("tag", () => world.Images.Catalog.AddTagAsync(ImageWorld.Owner, image.Id, "t", Token), true, false, false, true),
            ("publish", () => world.EditAsync(image, ImageWorld.Admin, ImageWorld.Replace("visibility", "public")), true, true, true, true),
            ("delete", () => world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token), false, false, false, false),
        ];
        foreach (var (what, @do, owner, member, stranger, admin) in table)
        {
            var position = await world.Images.Changes.PositionAsync(Token);
            await @do();
            var seen = new List<bool>();
            foreach (var caller in new[] { ImageWorld.Owner, ImageWorld.Member, ImageWorld.Stranger, ImageWorld.Admin })
            {
                var change = Assert.Single(await NextAsync(world, caller, position));
                Assert.Equal(image.Id, change.ImageId);
                seen.Add(change.Image is not null);
            }

            Assert.Equal($"{what}: {owner} {member} {stranger} {admin}", $"{what}: {string.Join(' ', seen)}");
        }
    }

    [Fact]
    public async Task A_follower_waits_for_what_comes_and_goes_on_from_there()
    {
        await using var world = await ImageWorld.OpenAsync();
        var position = await world.Images.Changes.PositionAsync(Token);
        await using var feed = world.Images.Changes.FollowAsync(ImageWorld.Owner, position, Token).GetAsyncEnumerator(Token);
        for (var round = 0; round < 3; round++)
        {
            var next = feed.MoveNextAsync();
            Assert.False(next.IsCompleted);
            var image = await world.CreateAsync();
            Assert.True(await next);
            Assert.Equal(image.Id, Assert.Single(feed.Current).ImageId);
        }
    }

    [Fact]
    public async Task More_changes_than_a_batch_holds_all_come()
    {
        await using var world = await ImageWorld.OpenAsync();
        var position = await world.Images.Changes.PositionAsync(Token);
        var created = (await Task.WhenAll(Enumerable.Range(0, 620).Select(_ => world.CreateAsync()))).Select(i => i.Id).ToHashSet();
        await foreach (var batch in world.Images.Changes.FollowAsync(ImageWorld.Owner, position, Token))
        {
            Assert.All(batch, change => Assert.NotNull(change.Image));
            created.ExceptWith(batch.Select(change => change.ImageId));
            if (created.Count == 0)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task Following_ends_with_its_token()
    {
        await using var world = await ImageWorld.OpenAsync();
        using var ending = new CancellationTokenSource();
        await using var feed = world.Images.Changes.FollowAsync(ImageWorld.Owner, await world.Images.Changes.PositionAsync(Token), ending.Token).GetAsyncEnumerator(Token);
        var next = feed.MoveNextAsync();
        await ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next.AsTask());
    }

    private static async Task<IReadOnlyList<SeenChange>> NextAsync(ImageWorld world, Caller caller, long position)
    {
        await using var feed = world.Images.Changes.FollowAsync(caller, position, Token).GetAsyncEnumerator(Token);
        Assert.True(await feed.MoveNextAsync());
        return feed.Current;
    }
}
