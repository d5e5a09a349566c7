using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Explanations, which must come to what the services do.</summary>
public sealed class PolicyExplainTests
{
    private static readonly AccessExplainer Defaults = new(PolicySet.Default);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Image Image(ImageVisibility visibility) => new() { Id = "i", Owner = "p-owner", Visibility = visibility, Status = ImageStatus.Active };

    [Fact]
    public void A_private_image_is_out_of_sight()
    {
        var said = Defaults.Explain(ImageWorld.Stranger, PolicyAction.DownloadImage, Image(ImageVisibility.Private), hasMemberRow: true);
        Assert.Equal(ImageError.NotFound, said.Refusal);
        Assert.Equal("the image is private to project p-owner, so project p-stranger does not see it", said.Reason);
        Assert.Empty(said.Rules);
    }

    [Fact]
    public void A_member_sees_and_reads()
    {
        var said = Defaults.Explain(ImageWorld.Member, PolicyAction.DownloadImage, Image(ImageVisibility.Shared), hasMemberRow: true);
        Assert.Null(said.Refusal);
        Assert.Equal("project p-owner shares the image with project p-member", said.Sight);
        Assert.Equal(["get_image", "download_image"], said.Rules.Select(rule => rule.Rule));
        var checks = said.Rules[1].Checks;
        Assert.Equal(
            [("role:admin", false), ("role:member", true), ("project_id:%(project_id)s", false), ("project_id:%(member_id)s", true)],
            checks.Take(4).Select(check => (check.Check, check.Holds)));
        Assert.Equal("the caller has the roles member, reader", checks[1].Because);
        Assert.Equal("the caller's project_id is p-member, the image's project_id is p-owner", checks[2].Because);
    }

    [Fact]
    public void A_reader_sees_but_does_not_read()
    {
        var said = Defaults.Explain(ImageWorld.Reader, PolicyAction.DownloadImage, Image(ImageVisibility.Private), hasMemberRow: false);
        Assert.Equal((ImageError.Forbidden, "the rule download_image does not hold"), (said.Refusal, said.Reason));
        Assert.Equal([true, false], said.Rules.Select(rule => rule.Holds));
    }

    [Fact]
    public void What_stands_in_the_way_beside_the_rules_is_said()
    {
        var image = Image(ImageVisibility.Private) with { Protected = true, Status = ImageStatus.Deactivated };
        Assert.Equal("the image is protected", Defaults.Explain(ImageWorld.Owner, PolicyAction.DeleteImage, image, false).Reason);
        Assert.StartsWith("the image is deactivated", Defaults.Explain(ImageWorld.Owner, PolicyAction.DownloadImage, image, false).Reason, StringComparison.Ordinal);
        Assert.Equal("only shared images have members", Defaults.Explain(ImageWorld.Owner, PolicyAction.AddMember, image, false).Reason);
        Assert.Equal("there is no such image", Defaults.Explain(ImageWorld.Owner, PolicyAction.AddMember, null, false).Reason);
        Assert.Equal(ImageError.Forbidden, Defaults.Explain(new Caller(null, null, ["admin"]) { SystemScope = "all" }, PolicyAction.GetImage, image, false).Refusal);
    }

    [Fact]
    public void Rules_referred_to_are_shown_below()
    {
        var policy = new AccessExplainer(PolicySet.Compile(new Dictionary<string, string> { ["curator"] = "role:curator", ["get_image"] = "not rule:curator" }));
        var rule = Assert.Single(policy.Explain(ImageWorld.Owner, PolicyAction.GetImage, Image(ImageVisibility.Private), false).Rules);
        Assert.True(rule is { Holds: true, IsOperators: true, Check: "not rule:curator" });
        Assert.Equal([("get_image", "rule:curator", "role:curator"), ("curator", "role:curator", "the caller has the roles member, reader")], rule.Checks.Select(c => (c.Rule, c.Check, c.Because)));
    }

    [Fact]
    public async Task Explanations_come_to_what_happens()
    {
        await using var world = await ImageWorld.OpenAsync();
        foreach (var visibility in new[] { "private", "shared", "community", "public" })
        {
            var image = await world.CreateAsync(ImageWorld.Admin, ("visibility", visibility), ("owner", "p-owner"));
            if (visibility == "shared")
            {
                await world.Images.Members.AddAsync(ImageWorld.Admin, image.Id, "p-member", Token);
            }

            foreach (var caller in new[] { ImageWorld.Owner, ImageWorld.Reader, ImageWorld.Member, ImageWorld.Stranger, ImageWorld.Admin })
            {
                var hasRow = await world.Registry.FindMemberAsync(image.Id, caller.ProjectId!, Token) is not null;
                await CheckAsync(PolicyAction.GetImage, world.FindAsync(image, caller));
                await CheckAsync(PolicyAction.DownloadImage, world.Images.Downloads.OpenAsync(caller, image.Id, Token));
                await CheckAsync(PolicyAction.ModifyImage, world.EditAsync(image, caller, ImageWorld.Replace("name", "n")));
                await CheckAsync(PolicyAction.Deactivate, world.Images.Catalog.DeactivateAsync(caller, image.Id, Token));
                await CheckAsync(PolicyAction.GetMembers, world.Images.Members.ListAsync(caller, image.Id, Token));

                async Task CheckAsync(PolicyAction action, Task call)
                {
                    var refusal = await Record.ExceptionAsync(() => call);
                    Assert.Equal((refusal as ImageException)?.Error, Defaults.Explain(caller, action, image, hasRow).Refusal);
                }
            }
        }
    }
}
