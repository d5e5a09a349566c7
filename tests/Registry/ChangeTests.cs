using GlanceGateway.Registry;

namespace GlanceGateway.Registry.Tests;

public abstract class ChangeTests(RegistryHome home) : IAsyncDisposable
{
    private static readonly string[] s_projects = ["o", "p", "q", "x"];

    public async ValueTask DisposeAsync()
    {
        await home.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private static Task<IReadOnlyList<ImageChange>> Changes(ImageRegistry registry, long after = 0, int limit = 100) =>
        registry.ListChangesAsync(after, limit, TestContext.Current.CancellationToken);

    private static Task<long> Latest(ImageRegistry registry) => registry.LatestChangeAsync(TestContext.Current.CancellationToken);

    [Fact]
    public async Task Every_change_writes_its_row_in_order()
    {
        var registry = await home.OpenAsync();
        Assert.Equal(0, await Latest(registry));
        var image = await registry.Insert(new Image { Id = "a" });
        await registry.Update(image with { Name = "n" });
        var location = await registry.Do((unit, token) =>
            unit.AddLocationAsync("a", new ImageLocation(0, "s", "file:///x", new Dictionary<string, string>()), token));
        await registry.Do((unit, token) => unit.RemoveLocationAsync("a", location, token));
        await registry.Do((unit, token) => unit.InsertMemberAsync("a", "p", token));
        await registry.Do((unit, token) => unit.UpdateMemberAsync("a", "p", MemberStatus.Accepted, token));
        await registry.Do((unit, token) => unit.DeleteMemberAsync("a", "p", token));
        await registry.Delete("a");
        var changes = await Changes(registry);
        Assert.Equal(
            [
                ChangeKind.Created, ChangeKind.Updated, ChangeKind.Updated, ChangeKind.Updated,
                ChangeKind.Members, ChangeKind.Members, ChangeKind.Members, ChangeKind.Deleted,
            ],
            changes.Select(change => change.Kind));
        Assert.Equal(changes.Select(change => change.Sequence).Order(), changes.Select(change => change.Sequence));
        Assert.All(changes, change => Assert.Equal(("a", home.Clock.Now), (change.ImageId, change.At)));
        Assert.Equal(changes[^1].Sequence, await Latest(registry));
        Assert.Equal(changes.Skip(3).Take(2), await Changes(registry, changes[2].Sequence, limit: 2));
        Assert.Empty(await Changes(registry, changes[^1].Sequence));
    }

    [Fact]
    public async Task What_changes_nothing_writes_no_row()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(new Image { Id = "a" });
        var latest = await Latest(registry);
        await registry.Do((unit, token) => unit.InsertImageAsync(image, token));
        await registry.Update(image with { Version = 9 });
        await registry.Delete("b");
        await registry.Do((unit, token) => unit.DeleteMemberAsync("a", "p", token));
        await registry.Do((unit, token) => unit.TakeLeaseAsync("image/a", TimeSpan.FromMinutes(1), ownToo: false, token));
        await Assert.ThrowsAsync<TimeoutException>(() => registry.Do<int>(async (unit, token) =>
        {
            await unit.UpdateImageAsync(image with { Name = "x" }, token);
            throw new TimeoutException();
        }));
        Assert.Equal(latest, await Latest(registry));
    }

    [Fact]
    public async Task A_unit_writes_one_row_for_each_image_and_kind()
    {
        var registry = await home.OpenAsync();
        var image = await registry.Insert(new Image { Id = "a" });
        await registry.Do(async (unit, token) =>
        {
            await unit.AddLocationAsync("a", new ImageLocation(0, "s", "file:///x", new Dictionary<string, string>()), token);
            await unit.UpdateImageAsync(image, token);
            var other = await unit.InsertImageAsync(new Image { Id = "b" }, token);
            return await unit.UpdateImageAsync(other! with { Name = "n" }, token);
        });
        Assert.Equal(
            [("a", ChangeKind.Created), ("a", ChangeKind.Updated), ("b", ChangeKind.Created)],
            (await Changes(registry)).Select(change => (change.ImageId, change.Kind)));
    }

    [Fact]
    public async Task A_change_names_who_listed_the_image_before_and_does_not_any_more()
    {
        var registry = await home.OpenAsync();
        (string What, Func<Task> Do, string Lost)[] table =
        [
            ("create", () => registry.Insert(new Image { Id = "a", Owner = "o" }), ""),
            ("rename", () => Edit(image => image with { Name = "n" }), ""),
            ("share", () => registry.Do((unit, token) => unit.InsertMemberAsync("a", "p", token)), ""),
            ("share with another", () => registry.Do((unit, token) => unit.InsertMemberAsync("a", "q", token)), ""),
            ("unshare what was not answered", () => registry.Do((unit, token) => unit.DeleteMemberAsync("a", "q", token)), ""),
            ("accept", () => Answer(MemberStatus.Accepted), ""),
            ("accept again", () => Answer(MemberStatus.Accepted), ""),
            ("reject", () => Answer(MemberStatus.Rejected), "p"),
            ("reject again", () => Answer(MemberStatus.Rejected), ""),
            ("accept after all", () => Answer(MemberStatus.Accepted), ""),
            ("to the owner alone", () => Edit(image => image with { Visibility = ImageVisibility.Private }), "p"),
            ("reject while it is private", () => Answer(MemberStatus.Rejected), ""),
            ("accept while it is private", () => Answer(MemberStatus.Accepted), ""),
            ("to members again", () => Edit(image => image with { Visibility = ImageVisibility.Shared }), ""),
            ("to everybody", () => Edit(image => image with { Visibility = ImageVisibility.Public }), ""),
            ("to the community", () => Edit(image => image with { Visibility = ImageVisibility.Community }), ""),
            ("to members only", () => Edit(image => image with { Visibility = ImageVisibility.Shared }), "*"),
            ("give to the member", () => Edit(image => image with { Owner = "p" }), "o"),
            ("unshare with the owner", () => registry.Do((unit, token) => unit.DeleteMemberAsync("a", "p", token)), ""),
            ("share with the owner of before", () => registry.Do((unit, token) => unit.InsertMemberAsync("a", "o", token)), ""),
            ("to nobody", () => Edit(image => image with { Owner = null }), ""),
            ("from nobody", () => Edit(image => image with { Owner = "p" }), "*"),
            ("accept as the owner of before", () => registry.Do((unit, token) => unit.UpdateMemberAsync("a", "o", MemberStatus.Accepted, token)), ""),
            ("wait for deletion", () => Edit(image => image with { Status = ImageStatus.PendingDelete }), "o p"),
            ("delete what waited for it", () => registry.Delete("a"), ""),
            ("create another", () => registry.Insert(new Image { Id = "b", Owner = "o", Visibility = ImageVisibility.Public }), ""),
            ("delete it", () => registry.Delete("b"), "*"),
        ];
        foreach (var (what, @do, lost) in table)
        {
            var latest = await Latest(registry);
            await @do();
            var lostBy = Assert.Single(await Changes(registry, latest)).LostBy;
            var projects = s_projects.Where(lostBy.Holds).ToList();
            Assert.Equal($"{what}: {lost}", $"{what}: {(projects.Count == 4 ? "*" : string.Join(' ', projects))}");
            Assert.Equal(lost.Length == 0, lostBy.IsEmpty);
        }

        async Task Edit(Func<Image, Image> edit) =>
            await registry.Update(edit((await registry.FindImageAsync("a", TestContext.Current.CancellationToken))!));

        Task Answer(MemberStatus status) => registry.Do((unit, token) => unit.UpdateMemberAsync("a", "p", status, token));
    }

    [Fact]
    public async Task A_unit_that_takes_an_image_from_several_names_them_all()
    {
        var registry = await home.OpenAsync();
        await registry.Insert(new Image { Id = "a", Owner = "o" });
        foreach (var member in new[] { "p", "q" })
        {
            await registry.Do((unit, token) => unit.InsertMemberAsync("a", member, token));
            await registry.Do((unit, token) => unit.UpdateMemberAsync("a", member, MemberStatus.Accepted, token));
        }

        var latest = await Latest(registry);
        await registry.Do(async (unit, token) => await unit.DeleteMemberAsync("a", "p", token) && await unit.DeleteMemberAsync("a", "q", token));
        var lostBy = Assert.Single(await Changes(registry, latest)).LostBy;
        Assert.Equal((true, true, false, false), (lostBy.Holds("p"), lostBy.Holds("q"), lostBy.Holds("o"), lostBy.Holds(null)));
    }

    [Fact]
    public async Task A_stretch_of_the_feed_comes_with_its_images_as_they_are_now()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var registry = await home.OpenAsync();
        var empty = await registry.ReadChangesAsync(0, 10, cancellation);
        Assert.Null(empty.Before);
        Assert.Empty(empty.Changes);
        await registry.Insert(new Image { Id = "a", Name = "first", Properties = [new("k", "v")] });
        await registry.Insert(new Image { Id = "b" });
        await registry.Do((unit, token) => unit.InsertMemberAsync("a", "p", token));
        await registry.Delete("b");
        var all = await registry.ReadChangesAsync(0, 10, cancellation);
        Assert.Equal(["a", "b", "a", "b"], all.Changes.Select(change => change.ImageId));
        Assert.Equal([new KeyValuePair<string, string?>("k", "v")], all.Images["a"].Properties);
        Assert.Equal(ImageStatus.Deleted, all.Images["b"].Status);
        Assert.Equal(["p"], all.Members["a"].Select(member => member.MemberId));
        var rest = await registry.ReadChangesAsync(all.Changes[2].Sequence, 10, cancellation);
        Assert.Equal((all.Changes[2].Sequence, "b"), (rest.Before!.Sequence, Assert.Single(rest.Changes).ImageId));
        Assert.Equal(["b"], rest.Images.Keys);
        Assert.Equal(2, (await registry.ReadChangesAsync(0, 2, cancellation)).Changes.Count);
    }

    [Fact]
    public async Task The_key_of_positions_is_secret_and_stays_the_same()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var key = await (await home.OpenAsync()).ReadChangeKeyAsync(cancellation);
        Assert.Equal(32, key.Length);
        Assert.True(key.Distinct().Count() > 8);
        Assert.Equal(key, await (await home.OpenAsync("gateway-2")).ReadChangeKeyAsync(cancellation));
    }

    [Fact]
    public async Task Waiting_ends_with_the_commit_and_finds_the_change()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var registry = await home.OpenAsync();
        for (var round = 0; round < 50; round++)
        {
            var latest = await Latest(registry);
            var waiting = registry.WaitForChangeAsync(latest, cancellation);
            Assert.False(waiting.IsCompleted);
            await registry.Insert(new Image { Id = Units.NewId() });
            await waiting.WaitAsync(TimeSpan.FromSeconds(5), cancellation);
            Assert.Single(await Changes(registry, latest));
            Assert.True(registry.WaitForChangeAsync(latest, cancellation).IsCompletedSuccessfully);
        }
    }

    [Fact]
    public async Task Waiting_knows_the_changes_of_an_earlier_life()
    {
        await using (var before = await home.OpenAsync())
            await before.Insert(new Image { Id = "a" });
        var registry = await home.OpenAsync();
        await registry.WaitForChangeAsync(0, TestContext.Current.CancellationToken);
        Assert.Equal("a", Assert.Single(await Changes(registry)).ImageId);
    }

    [Fact]
    public async Task Waiting_can_be_cancelled_and_ends_with_the_registry()
    {
        var registry = await home.OpenAsync();
        using var cancellation = new CancellationTokenSource();
        var cancelled = registry.WaitForChangeAsync(0, cancellation.Token);
        var left = registry.WaitForChangeAsync(0, TestContext.Current.CancellationToken);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        await registry.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => left);
    }

    [Fact]
    public async Task Pruning_keeps_what_is_young_and_always_the_newest()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var registry = await home.OpenAsync();
        await registry.PruneChangesAsync(home.Clock.Now, cancellation);
        await registry.Insert(new Image { Id = "a" });
        await registry.Insert(new Image { Id = "b" });
        home.Clock.Advance(TimeSpan.FromHours(1));
        await registry.Insert(new Image { Id = "c" });
        await registry.Insert(new Image { Id = "d" });
        await registry.PruneChangesAsync(home.Clock.Now, cancellation);
        Assert.Equal(["c", "d"], (await Changes(registry)).Select(change => change.ImageId));
        await registry.PruneChangesAsync(home.Clock.Now.AddDays(1), cancellation);
        var newest = Assert.Single(await Changes(registry));
        Assert.Equal("d", newest.ImageId);
        await registry.Insert(new Image { Id = "e" });
        Assert.True(await Latest(registry) > newest.Sequence);
    }
}
