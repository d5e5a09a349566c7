using GlanceGateway.Registry;
using GlanceGateway.Testing;

namespace GlanceGateway.Images.Tests;

/// <summary>The default rules, each against everybody and every image of <see cref="AccessTable"/>.</summary>
public sealed class PolicyTests
{
    private static readonly Dictionary<string, PolicyAction> actions =
        Enum.GetValues<PolicyAction>().ToDictionary(PolicyRules.RuleName, action => action, StringComparer.Ordinal);

    /// <summary>Rules that decide nothing here, and those that others refer to.</summary>
    private static readonly string[] withoutAction =
        ["download_from_store", "copy_from", "manage_image_cache", "get_task", "get_tasks", "add_task", "modify_task"];

    // What is given to whoever has a project is about nothing in particular, see Everybody_may_do_at_large_what_the_table_gives.
    public static TheoryData<string> ImageRules => [.. AccessTable.Images.Where(row => row.Reader != Grant.OfAProject).Select(row => row.Rule)];

    public static TheoryData<string> DefinitionRules => [.. AccessTable.Definitions.Where(row => row.Reader != Grant.OfAProject).Select(row => row.Rule)];

    [Theory]
    [MemberData(nameof(ImageRules))]
    public void Everybody_may_do_to_images_what_the_table_gives(string rule)
    {
        var (row, rules) = (AccessTable.Row(rule), new PolicyRules());
        Compare<bool>(
            who => AccessTable.Targets.Select(target => (target.ToString(), AccessTable.Gives(row, who, target))),
            who => AccessTable.Targets.Select(target => (target.ToString(), rules.Allows(CallerOf(who), actions[rule], ImageOf(target), AccessTable.IsSharedWith(who, target)))));
    }

    [Theory]
    [MemberData(nameof(DefinitionRules))]
    public void Everybody_may_do_to_definitions_what_the_table_gives(string rule)
    {
        var (row, rules) = (AccessTable.Row(rule), new PolicyRules());
        var namespaces = AccessTable.Targets.Where(target => target is { Answer: null, Visibility: "private" or "public" }).ToList();
        Compare<bool>(
            who => namespaces.Select(target => (target.ToString(), AccessTable.Gives(row, who, target))),
            who => namespaces.Select(target => (target.ToString(), rules.Allows(CallerOf(who), actions[rule], ImageOf(target), isMember: false))));
    }

    /// <summary>What is about no image: rights to the images of somebody give nothing there.</summary>
    [Theory]
    [InlineData("get_images")]
    [InlineData("stores_info_detail")]
    [InlineData("tasks_api_access")]
    [InlineData("cache_list")]
    [InlineData("cache_image")]
    [InlineData("cache_delete")]
    [InlineData("cache_clean")]
    [InlineData("cache_prune")]
    [InlineData("list_cached_nodes")]
    [InlineData("get_metadef_namespaces")]
    [InlineData("add_metadef_namespace")]
    public void Everybody_may_do_at_large_what_the_table_gives(string rule)
    {
        var (row, rules) = (AccessTable.Row(rule), new PolicyRules());
        Compare<bool>(
            who => [("nothing", AccessTable.Gives(row, who, null))],
            who => [("nothing", rules.Allows(CallerOf(who), actions[rule], null, isMember: false))]);
    }

    /// <summary>What is out of sight does not exist; what is in sight is refused in the open, except that a list of members hides itself.</summary>
    [Theory]
    [MemberData(nameof(ImageRules))]
    public void Refusals_reveal_nothing_that_is_out_of_sight(string rule)
    {
        var (row, action, explainer) = (AccessTable.Row(rule), actions[rule], new AccessExplainer(PolicySet.Default));
        if (!AccessExplainer.NeedsImage(action))
        {
            return;
        }

        // Services find images for these two past the right to see them.
        var isService = action is PolicyAction.AddImageLocation or PolicyAction.FetchImageLocation;
        Compare<ImageError?>(
            who => AccessTable.Targets.Where(target => !isService || AccessTable.Sees(who, target)).Select(target => (target.ToString(), Expected(who, target))),
            who => AccessTable.Targets.Where(target => !isService || AccessTable.Sees(who, target)).Select(target =>
                (target.ToString(), explainer.Explain(CallerOf(who), action, ImageOf(target), hasMemberRow: target.Answer is not null && who.Project == AccessTable.Sharee).Refusal)));

        ImageError? Expected(AccessPersona who, AccessTarget target)
        {
            var isShared = target.Visibility == "shared";
            return action switch
            {
                _ when !AccessTable.Sees(who, target) => ImageError.NotFound,
                PolicyAction.GetMembers or PolicyAction.ModifyMember or PolicyAction.AddMember or PolicyAction.DeleteMember when !isShared => ImageError.Forbidden,
                PolicyAction.GetMember when !isShared => ImageError.NotFound,
                PolicyAction.PublicizeImage or PolicyAction.CommunitizeImage when !AccessTable.Gives(AccessTable.Row("modify_image"), who, target) => ImageError.Forbidden,
                PolicyAction.GetMember or PolicyAction.GetMembers when !AccessTable.Gives(row, who, target) => ImageError.NotFound,
                _ => AccessTable.Gives(row, who, target) ? null : ImageError.Forbidden,
            };
        }
    }

    [Fact]
    public void Tokens_of_the_system_or_a_domain_may_do_nothing_whatever_their_roles()
    {
        var rules = new PolicyRules();
        foreach (var who in AccessTable.Personas)
        {
            Caller[] callers = [new(null, "u", who.Roles) { SystemScope = "all" }, new(null, "u", who.Roles) { DomainId = "default" }];
            Assert.All(actions.Values, action => Assert.All(callers, caller =>
            {
                Assert.All(AccessTable.Targets, target => Assert.False(rules.Allows(caller, action, ImageOf(target), isMember: false)));
                Assert.False(rules.Allows(caller, action, null, isMember: false));
            }));
        }
    }

    [Fact]
    public void The_roles_of_a_service_token_beside_a_users_add_nothing_to_the_users_rights()
    {
        var rules = new PolicyRules();
        var service = new Caller("p-service", "u", ["service", "admin"]);
        foreach (var who in AccessTable.Personas)
        {
            var (alone, through) = (CallerOf(who), CallerOf(who).Through(service));
            Assert.All(actions.Values, action => Assert.All(AccessTable.Targets, target =>
            {
                var (image, isMember) = (ImageOf(target), AccessTable.IsSharedWith(who, target));
                Assert.Equal(rules.Allows(alone, action, image, isMember), rules.Allows(through, action, image, isMember));
            }));
        }
    }

    [Fact]
    public void Every_rule_of_the_table_is_an_action_and_every_action_is_in_the_table()
    {
        var listed = AccessTable.Images.Concat(AccessTable.Definitions).Select(row => row.Rule).ToList();
        Assert.Equal(listed.Distinct(StringComparer.Ordinal), listed);
        Assert.Equal(actions.Keys.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        Assert.All(withoutAction, rule => Assert.Contains(rule, PolicyDefaults.Elsewhere));
        Assert.Equal(
            [("context_is_admin", "role:admin"), ("default", ""), ("service_api", "role:service or role:admin")],
            PolicyDefaults.Shared.Where(rule => !rule.Name.StartsWith("metadef", StringComparison.Ordinal)).Select(rule => (rule.Name, rule.Check)).Order());
    }

    [Theory]
    [InlineData(PolicyAction.GetImage, "get_image")]
    [InlineData(PolicyAction.PublicizeImage, "publicize_image")]
    [InlineData(PolicyAction.ModifyMember, "modify_member")]
    public void Refusals_name_the_rule_as_operators_know_it(PolicyAction action, string name) => Assert.Equal(name, PolicyRules.RuleName(action));

    [Fact]
    public void Roles_are_compared_without_case() =>
        Assert.True(new Caller("p", null, [" Admin "]).IsAdmin);

    /// <summary>Compares for everybody, so that a failure shows all that differs.</summary>
    private static void Compare<T>(Func<AccessPersona, IEnumerable<(string What, T Said)>> expected, Func<AccessPersona, IEnumerable<(string What, T Said)>> actual)
    {
        var different = AccessTable.Personas.SelectMany(who => expected(who).Zip(actual(who), (e, a) => (Who: who, e.What, Expected: e.Said, Actual: a.Said)))
            .Where(pair => !Equals(pair.Expected, pair.Actual))
            .Select(pair => $"{pair.Who}, {pair.What}: {pair.Actual} instead of {pair.Expected}");
        Assert.Equal("", string.Join('\n', different));
    }

    private static Caller CallerOf(AccessPersona who) => new(who.Project, "u", who.Roles);

    private static Image ImageOf(AccessTarget target) => new()
    {
        Id = "i",
        Owner = target.Owner,
        Visibility = Enum.Parse<ImageVisibility>(target.Visibility, ignoreCase: true),
        Status = ImageStatus.Active,
    };
}
