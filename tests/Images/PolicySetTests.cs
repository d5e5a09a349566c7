using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>An operator's rules over the defaults.</summary>
public sealed class PolicySetTests
{
    private static readonly Image Owned = new() { Id = "i", Owner = "p-owner", Visibility = ImageVisibility.Private };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Readers_may_be_let_download()
    {
        var policy = Rules(("download_image", "role:reader and project_id:%(owner)s"));
        Assert.False(new PolicyRules().Allows(ImageWorld.Reader, PolicyAction.DownloadImage, Owned, isMember: false));
        Assert.True(policy.Allows(ImageWorld.Reader, PolicyAction.DownloadImage, Owned, isMember: false));
        Assert.False(policy.Allows(ImageWorld.Stranger, PolicyAction.DownloadImage, Owned, isMember: false));
        Assert.False(policy.Allows(ImageWorld.Reader, PolicyAction.DeleteImage, Owned, isMember: false));
    }

    [Fact]
    public void Nobody_may_delete_when_a_rule_says_so()
    {
        var policy = Rules(("delete_image", "!"));
        Assert.All([ImageWorld.Admin, ImageWorld.Owner], caller => Assert.False(policy.Allows(caller, PolicyAction.DeleteImage, Owned, isMember: false)));
        Assert.True(policy.Allows(ImageWorld.Owner, PolicyAction.ModifyImage, Owned, isMember: false));
        Assert.Equal(ImageError.Forbidden, Assert.Throws<ImageException>(() => policy.Require(ImageWorld.Admin, PolicyAction.DeleteImage, Owned, false)).Error);
    }

    [Fact]
    public void A_rule_of_the_operators_own_serves_others()
    {
        var policy = Rules(("curator", "role:curator or rule:context_is_admin"), ("publicize_image", "rule:curator"));
        var curator = new Caller("p-owner", "u", ["curator"]);
        Assert.True(policy.Allows(curator, PolicyAction.PublicizeImage, Owned, isMember: false));
        Assert.True(policy.Allows(ImageWorld.Admin, PolicyAction.PublicizeImage, Owned, isMember: false));
        Assert.False(policy.Allows(ImageWorld.Owner, PolicyAction.PublicizeImage, Owned, isMember: false));
        Assert.Empty(policy.Current.Warnings);
        Assert.Equal(2, policy.Current.OperatorRules);
    }

    [Theory]
    [InlineData("get_image", "rule:get_imge", "get_image", "'rule:get_imge': there is no such rule; did you mean 'rule:get_image'?")]
    [InlineData("get_image", "rule:zebra", "get_image", "there is no such rule; add one of this name")]
    [InlineData("get_image", "rule:get_image", "get_image", "it refers to itself (get_image > get_image)")]
    [InlineData("get_image", "rule:a", "get_image", "it refers to itself (get_image > a > get_image)", "a", "not rule:get_image")]
    [InlineData("context_is_admin", "rule:metadef_admin", "context_is_admin", "it refers to itself (context_is_admin > metadef_admin > context_is_admin)")]
    [InlineData("delete_imag", "!", "delete_imag", "there is no such rule; did you mean 'delete_image'?")]
    public void Rules_that_do_not_fit_together_are_refused(string name, string check, string rule, string message, string? other = null, string? otherCheck = null)
    {
        var rules = new Dictionary<string, string> { [name] = check };
        if (other is not null)
        {
            rules[other] = otherCheck!;
        }

        var problem = Assert.Single(Assert.Throws<PolicyException>(() => PolicySet.Compile(rules)).Problems);
        Assert.Equal(rule, problem.Rule);
        Assert.Contains(message, problem.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_wrong_is_said_at_once()
    {
        var refusal = Assert.Throws<PolicyException>(() => PolicySet.Compile(new Dictionary<string, string> { ["get_image"] = "(", ["add_image"] = "x", ["ok"] = "@" }));
        Assert.Equal(["get_image", "add_image"], refusal.Problems.Select(problem => problem.Rule));
    }

    [Theory]
    [InlineData("zebra", "@", "the rule zebra decides nothing: no action has this name and no rule refers to it")]
    [InlineData("manage_image_cache", "role:x", "for what this gateway does not do: manage_image_cache")]
    [InlineData("context_is_admin", "role:boss", "who sees every project's images is decided by the role admin alone")]
    public void What_has_no_effect_is_said(string name, string check, string warning) =>
        Assert.Contains(warning, Assert.Single(PolicySet.Compile(new Dictionary<string, string> { [name] = check }).Warnings), StringComparison.Ordinal);

    [Fact]
    public void Names_of_rules_are_either_used_or_known_to_be_unused()
    {
        var used = PolicyDefaults.Shared.Concat(PolicyDefaults.Actions).Select(rule => rule.Name).ToList();
        Assert.Equal(used.Distinct(StringComparer.Ordinal), used);
        Assert.DoesNotContain(used, PolicyDefaults.Elsewhere.Contains);
        Assert.Empty(PolicySet.Compile(PolicyDefaults.Actions.ToDictionary(rule => rule.Name, rule => rule.Check)).Warnings);
    }

    [Fact]
    public void Long_ways_and_doubling_rules_are_refused()
    {
        var chain = Enumerable.Range(0, 40).ToDictionary(i => $"r{i}", i => $"rule:r{i + 1}");
        chain["r40"] = "@";
        Assert.Contains("in a row", Assert.Throws<PolicyException>(() => PolicySet.Compile(chain)).Message, StringComparison.Ordinal);

        var doubling = Enumerable.Range(0, 20).ToDictionary(i => $"r{i}", i => $"rule:r{i + 1} and rule:r{i + 1}");
        doubling["r20"] = "@";
        Assert.Contains("comes to too much", Assert.Throws<PolicyException>(() => PolicySet.Compile(doubling)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_deepest_rules_that_are_taken_can_be_asked_on_a_small_stack()
    {
        var nested = CheckParser.DeepestNesting - 1;
        var rules = Enumerable.Range(0, 30).ToDictionary(i => $"r{i}", i => $"{new string('(', nested)}! or (@ and rule:r{i + 1}){new string(')', nested)}");
        rules["r30"] = "role:member";
        rules["get_image"] = "rule:r0";
        var policy = new PolicyRules(PolicySet.Compile(rules));
        var allowed = false;
        var thread = new Thread(() => allowed = policy.Allows(ImageWorld.Owner, PolicyAction.GetImage, Owned, isMember: false), maxStackSize: 256 * 1024);
        thread.Start();
        thread.Join();
        Assert.True(allowed);
    }

    [Fact]
    public void Tokens_of_the_system_or_a_domain_are_refused_administrators_too()
    {
        var policy = new PolicyRules();
        foreach (var (caller, scope) in new[] { (new Caller(null, "u", ["admin"]) { SystemScope = "all" }, "system"), (new Caller(null, "u", ["admin"]) { DomainId = "d" }, "domain") })
        {
            Assert.All(Enum.GetValues<PolicyAction>(), action => Assert.False(policy.Allows(caller, action, Owned, isMember: false)));
            var refusal = Assert.Throws<ImageException>(() => policy.Require(caller, PolicyAction.GetImages, null, isMember: false));
            Assert.Equal((ImageError.Forbidden, $"get_images requires a scope of ['project'], request was made with {scope} scope."), (refusal.Error, refusal.Message));
        }
    }

    [Fact]
    public void Asking_allocates_nothing()
    {
        var policy = Rules(("get_image", "rule:context_is_admin or (role:reader and (10:%(min_disk)s or 'x':%(custom)s or project_id:%(owner)s)) and not None:%(owner)s"));
        var image = Owned with { Properties = [new("a", "b"), new("custom", "y")] };
        Ask();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Ask();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Ask()
        {
            for (var i = 0; i < 1000; i++)
            {
                policy.Allows(ImageWorld.Reader, PolicyAction.GetImage, image, isMember: false);
                policy.Allows(ImageWorld.Reader, PolicyAction.DownloadImage, image, isMember: false);
            }
        }
    }

    [Fact]
    public async Task No_rule_reveals_what_is_private_to_others()
    {
        await using var world = await ImageWorld.OpenAsync(policy: Rules(("get_image", ""), ("download_image", ""), ("get_images", "")));
        var image = await world.CreateAsync(null, ("visibility", "private"));
        Assert.Equal(ImageError.NotFound, await ImageWorld.RefusalAsync(world.FindAsync(image, ImageWorld.Stranger)));
        Assert.Empty(await world.Images.Catalog.ListAsync(ImageWorld.Stranger, ImageChanges.Everything(ImageWorld.Stranger), Token));
    }

    [Fact]
    public async Task A_list_leaves_out_what_a_rule_hides_and_its_pages_stay_full()
    {
        await using var world = await ImageWorld.OpenAsync(policy: Rules(("get_image", "role:admin or (role:member and not 'secret':%(tier)s)")));
        var shown = new List<string>();
        for (var i = 0; i < 12; i++)
        {
            var image = await world.CreateAsync(null, ("name", $"{i}"), ("tier", i % 3 == 0 ? "open" : "secret"), ("visibility", "private"));
            if (i % 3 == 0)
            {
                shown.Insert(0, image.Id);
            }
        }

        var query = ImageChanges.Everything(ImageWorld.Owner) with { Limit = 3 };
        var first = await world.Images.Catalog.ListAsync(ImageWorld.Owner, query, Token);
        var second = await world.Images.Catalog.ListAsync(ImageWorld.Owner, query with { Marker = first[^1].Id }, Token);

        Assert.Equal(shown, first.Concat(second).Select(image => image.Id));
        Assert.Equal(3, first.Count);
        Assert.Equal(12, (await world.Images.Catalog.ListAsync(ImageWorld.Admin, query with { Limit = 50 }, Token)).Count);
    }

    [Fact]
    public async Task A_list_shows_members_what_a_rule_shows_members()
    {
        await using var world = await ImageWorld.OpenAsync(policy: Rules(("get_image", "project_id:%(owner)s or project_id:%(member_id)s")));
        var image = await world.CreateAsync(ImageWorld.Owner, ("visibility", "shared"));
        await world.Images.Members.AddAsync(ImageWorld.Owner, image.Id, "p-member", Token);
        Assert.Single(await world.Images.Catalog.ListAsync(ImageWorld.Member, ImageChanges.Everything(ImageWorld.Member) with { MemberStatus = null }, Token));
        Assert.Empty(await world.Images.Catalog.ListAsync(ImageWorld.Admin, ImageChanges.Everything(ImageWorld.Admin), Token));
    }

    [Fact]
    public async Task Other_rules_count_from_the_next_call_on()
    {
        var policy = new PolicyRules();
        await using var world = await ImageWorld.OpenAsync(policy: policy);
        var image = await world.CreateAsync();
        policy.Use(Rules(("delete_image", "!")).Current);
        Assert.Equal(ImageError.Forbidden, await ImageWorld.RefusalAsync(world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token)));
        policy.Use(PolicySet.Default);
        await world.Images.Catalog.DeleteAsync(ImageWorld.Owner, image.Id, Token);
    }

    private static PolicyRules Rules(params (string Name, string Check)[] rules) =>
        new(PolicySet.Compile(rules.ToDictionary(rule => rule.Name, rule => rule.Check)));
}
