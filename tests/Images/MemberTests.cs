using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

public sealed class MemberTests
{
    private static readonly Caller memberReader = new("p-member", "u", ["reader"]);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_may_do_what_with_members()
    {
        await using var world = await ImageWorld.OpenAsync();
        var members = world.Images.Members;
        Caller[] callers = [ImageWorld.Admin, ImageWorld.Owner, ImageWorld.Reader, ImageWorld.Member, memberReader, ImageWorld.Stranger];

        (string Call, Func<Caller, string, Task<string>> Do, string[] Expected)[] table =
        [
            //                                                                          admin       owner        owner reader member       its reader   stranger
            ("add", async (c, id) => (await members.AddAsync(c, id, "p-new", Token)).Status.ToString(),
                ["Pending", "Pending", "Forbidden", "Forbidden", "Forbidden", "NotFound"]),
            ("list", async (c, id) => string.Join(' ', (await members.ListAsync(c, id, Token)).Select(m => m.MemberId)),
                ["p-member p-third", "p-member p-third", "p-member p-third", "p-member", "p-member", "NotFound"]),
            ("get", async (c, id) => (await members.GetAsync(c, id, "p-member", Token)).MemberId,
                ["p-member", "p-member", "p-member", "p-member", "p-member", "NotFound"]),
            ("get another", async (c, id) => (await members.GetAsync(c, id, "p-third", Token)).MemberId,
                ["p-third", "p-third", "p-third", "NotFound", "NotFound", "NotFound"]),
            ("get none", async (c, id) => (await members.GetAsync(c, id, "p-none", Token)).MemberId,
                ["NotFound", "NotFound", "NotFound", "NotFound", "NotFound", "NotFound"]),
            ("answer", async (c, id) => (await members.SetStatusAsync(c, id, "p-member", MemberStatus.Accepted, Token)).Status.ToString(),
                ["Accepted", "Forbidden", "Forbidden", "Accepted", "Forbidden", "NotFound"]),
            ("answer for another", async (c, id) => (await members.SetStatusAsync(c, id, "p-third", MemberStatus.Accepted, Token)).Status.ToString(),
                ["Accepted", "Forbidden", "Forbidden", "NotFound", "Forbidden", "NotFound"]),
            ("remove", async (c, id) => await DoneAsync(members.RemoveAsync(c, id, "p-member", Token)),
                ["done", "done", "Forbidden", "Forbidden", "Forbidden", "NotFound"]),
            ("remove none", async (c, id) => await DoneAsync(members.RemoveAsync(c, id, "p-none", Token)),
                ["NotFound", "NotFound", "Forbidden", "Forbidden", "Forbidden", "NotFound"]),
        ];
        foreach (var (call, @do, expected) in table)
        {
            var results = new List<string>();
            foreach (var caller in callers)
            {
                var image = await SharedAsync(world, "p-member", "p-third");
                results.Add(await OutcomeAsync(@do(caller, image.Id)));
            }

            Assert.Equal($"{call}: {string.Join(", ", expected)}", $"{call}: {string.Join(", ", results)}");
        }
    }

    [Theory]
    [InlineData("private")]
    [InlineData("community")]
    [InlineData("public")]
    public async Task Only_shared_images_have_members_but_their_rows_survive(string visibility)
    {
        await using var world = await ImageWorld.OpenAsync();
        var members = world.Images.Members;
        var image = await SharedAsync(world, "p-member");
        await members.SetStatusAsync(ImageWorld.Member, image.Id, "p-member", MemberStatus.Accepted, Token);
        await world.EditAsync(image, ImageWorld.Admin, ImageWorld.Replace("visibility", visibility));

        Assert.Equal("Forbidden", await OutcomeAsync(DoneAsync(members.ListAsync(ImageWorld.Owner, image.Id, Token))));
        Assert.Equal("Forbidden", await OutcomeAsync(DoneAsync(members.AddAsync(ImageWorld.Owner, image.Id, "p-new", Token))));
        Assert.Equal("Forbidden", await OutcomeAsync(DoneAsync(members.RemoveAsync(ImageWorld.Owner, image.Id, "p-member", Token))));
        Assert.Equal("Forbidden", await OutcomeAsync(DoneAsync(members.SetStatusAsync(ImageWorld.Admin, image.Id, "p-member", MemberStatus.Rejected, Token))));
        Assert.Equal("NotFound", await OutcomeAsync(DoneAsync(members.GetAsync(ImageWorld.Owner, image.Id, "p-member", Token))));
        Assert.Equal(visibility == "private" ? "NotFound" : "done", await OutcomeAsync(DoneAsync(world.FindAsync(image, ImageWorld.Member))));

        await world.EditAsync(image, ImageWorld.Owner, ImageWorld.Replace("visibility", "shared"));
        Assert.Equal(MemberStatus.Accepted, (await members.GetAsync(ImageWorld.Owner, image.Id, "p-member", Token)).Status);
        await world.FindAsync(image, ImageWorld.Member);
    }

    [Fact]
    public async Task Acceptance_decides_about_lists_only()
    {
        await using var world = await ImageWorld.OpenAsync();
        var members = world.Images.Members;
        var image = await SharedAsync(world, "p-member");
        await world.UploadAsync(image, [1, 2, 3]);
        foreach (var (status, listed) in new[]
        {
            (MemberStatus.Pending, false), (MemberStatus.Accepted, true), (MemberStatus.Rejected, false), (MemberStatus.Pending, false), (MemberStatus.Accepted, true),
        })
        {
            Assert.Equal(status, (await members.SetStatusAsync(ImageWorld.Member, image.Id, "p-member", status, Token)).Status);
            Assert.Equal(listed, await ListsAsync(world, ImageWorld.Member, image));
            Assert.Equal([1, 2, 3], await world.ReadAsync(image, ImageWorld.Member));
        }

        await members.RemoveAsync(ImageWorld.Owner, image.Id, "p-member", Token);
        Assert.False(await ListsAsync(world, ImageWorld.Member, image));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.FindAsync(image, ImageWorld.Member)));
    }

    [Fact]
    public async Task A_member_is_added_once_and_starts_over_when_added_again()
    {
        await using var world = await ImageWorld.OpenAsync();
        var members = world.Images.Members;
        var image = await SharedAsync(world, "p-member");
        await members.SetStatusAsync(ImageWorld.Member, image.Id, "p-member", MemberStatus.Accepted, Token);
        var refusal = await Assert.ThrowsAsync<ImageException>(() => members.AddAsync(ImageWorld.Owner, image.Id, "p-member", Token));
        Assert.Equal((ImageError.Conflict, $"Member p-member is duplicated for image {image.Id}"), (refusal.Error, refusal.Message));
        await members.RemoveAsync(ImageWorld.Owner, image.Id, "p-member", Token);
        Assert.Equal(MemberStatus.Pending, (await members.AddAsync(ImageWorld.Owner, image.Id, "p-member", Token)).Status);
    }

    [Fact]
    public async Task Member_ids_are_checked()
    {
        await using var world = await ImageWorld.OpenAsync();
        var image = await world.CreateAsync();
        foreach (var id in new[] { "", new string('m', 256), "a\0", "a\ud800" })
        {
            Assert.Equal(ImageError.Invalid, await ImageWorld.RefusalAsync(world.Images.Members.AddAsync(ImageWorld.Owner, image.Id, id, Token)));
        }

        await world.Images.Members.AddAsync(ImageWorld.Owner, image.Id, new string('m', 255), Token);
    }

    [Fact]
    public async Task The_member_quota_holds()
    {
        await using var world = await ImageWorld.OpenAsync(new ImageOptions { MemberQuota = 2 });
        var members = world.Images.Members;
        var image = await SharedAsync(world, "p-1", "p-2");
        var refusal = await Assert.ThrowsAsync<ImageException>(() => members.AddAsync(ImageWorld.Owner, image.Id, "p-3", Token));
        Assert.Equal(ImageError.TooLarge, refusal.Error);
        Assert.Contains("Attempted: 3, Maximum: 2", refusal.Message);
        Assert.Equal(ImageError.Conflict, await ImageWorld.RefusalAsync(members.AddAsync(ImageWorld.Owner, image.Id, "p-2", Token)));
        await members.RemoveAsync(ImageWorld.Owner, image.Id, "p-1", Token);

        var adding = await Task.WhenAll(Enumerable.Range(0, 8).Select(n => OutcomeAsync(DoneAsync(members.AddAsync(ImageWorld.Owner, image.Id, $"p-x{n}", Token)))));
        Assert.Single(adding, outcome => outcome == "done");
        Assert.Equal(7, adding.Count(outcome => outcome == "TooLarge"));
    }

    private static async Task<Image> SharedAsync(ImageWorld world, params string[] projects)
    {
        var image = await world.CreateAsync();
        foreach (var project in projects)
        {
            await world.Images.Members.AddAsync(ImageWorld.Owner, image.Id, project, Token);
        }

        return image;
    }

    private static async Task<bool> ListsAsync(ImageWorld world, Caller caller, Image image) =>
        (await world.Images.Catalog.ListAsync(caller, new ImageQuery { Viewer = caller.Viewer }, Token)).Any(i => i.Id == image.Id);

    private static async Task<string> DoneAsync(Task call)
    {
        await call;
        return "done";
    }

    private static async Task<string> OutcomeAsync(Task<string> call)
    {
        try
        {
            return await call;
        }
        catch (ImageException refusal)
        {
            return refusal.Error.ToString();
        }
    }
}
