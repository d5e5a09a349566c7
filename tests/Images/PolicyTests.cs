using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Glance's default policy, as a table of its own.</summary>
public sealed class PolicyTests
{
    /// <summary>Owned images by the first letters of shared, private, community (c) and public (u); the same in capitals when nobody owns them.</summary>
    private const string All = "spcuSPCU";

    /// <summary>Who: the columns of <see cref="Table"/>.</summary>
    private static readonly Caller[] personas =
    [
        new("p-admin", "u", ["admin", "member", "reader"]),
        new("p-owner", "u", ["member", "reader"]),
        new("p-owner", "u", ["reader"]),
        new("p-member", "u", ["member", "reader"]),
        new("p-member", "u", ["reader"]),
        new("p-stranger", "u", ["member", "reader"]),
        new("p-stranger", "u", ["reader"]),
        new(null, "u", ["member", "reader"]),
        new("p-owner", "u", []),
    ];

    public static TheoryData<PolicyAction, string[]> Table => new()
    {
        //                                admin owner   reader  member     m-reader   stranger  s-reader  unscoped  no role
        { PolicyAction.GetImage,          [All, All,    All,    "scuSPCU", "scuSPCU", "cuSPCU", "cuSPCU", "cuSPCU", ""] },
        { PolicyAction.DownloadImage,     [All, All,    "",     "scuSPCU", "",        "cuSPCU", "",       "cuSPCU", ""] },
        { PolicyAction.AddImage,          [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.ModifyImage,       [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.DeleteImage,       [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.UploadImage,       [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.PublicizeImage,    [All, "",     "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.CommunitizeImage,  [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.Deactivate,        [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.Reactivate,        [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.AddMember,         [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.DeleteMember,      [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.GetMember,         [All, "spcu", "spcu", "s",       "s",       "",       "",       "",       ""] },
        { PolicyAction.GetMembers,        [All, "spcu", "spcu", "s",       "s",       "",       "",       "",       ""] },
        { PolicyAction.ModifyMember,      [All, "",     "",     "s",       "",        "",       "",       "",       ""] },
        { PolicyAction.CopyImage,         [All, "",     "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.TasksApiAccess,    [All, "",     "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.GetImageLocation,  [All, "spcu", "spcu", "",        "",        "",       "",       "",       ""] },
        { PolicyAction.SetImageLocation,  [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.DeleteImageLocation, [All, "",   "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.AddImageLocation,  [All, "spcu", "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.FetchImageLocation, [All, "",    "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.CacheList,         [All, "",     "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.CacheImage,        [All, "",     "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.CacheDelete,       [All, "",     "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.CacheClean,        [All, "",     "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.CachePrune,        [All, "",     "",     "",        "",        "",       "",       "",       ""] },
        { PolicyAction.ListCachedNodes,   [All, "",     "",     "",        "",        "",       "",       "",       ""] },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public void Each_role_may_do_what_the_table_says(PolicyAction action, string[] expected)
    {
        var actual = personas.Select(caller => new string([.. All.Where(letter => Allows(caller, action, letter))]));
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Lists_are_for_readers_of_a_project_and_administrators()
    {
        var rules = new PolicyRules();
        Assert.Equal(
            [true, true, true, true, true, true, true, false, false],
            personas.Select(caller => rules.Allows(caller, PolicyAction.GetImages, image: null, isMember: false)));
    }

    [Fact]
    public void A_service_adds_and_fetches_locations_of_all_images_sees_how_stores_are_configured_and_does_nothing_else()
    {
        var rules = new PolicyRules();
        var service = new Caller("p-service", "u", ["service"]);
        Assert.True(rules.Allows(service, PolicyAction.StoresInfoDetail, image: null, isMember: false));
        foreach (var action in Enum.GetValues<PolicyAction>().Where(action => action != PolicyAction.StoresInfoDetail))
        {
            var expected = action is PolicyAction.AddImageLocation or PolicyAction.FetchImageLocation ? All : "";
            Assert.Equal((action, expected), (action, new string([.. All.Where(letter => Allows(service, action, letter))])));
        }

        // A service token beside a user's does not change what the rules say of the user.
        Assert.False(rules.Allows(personas[1].Through(service), PolicyAction.FetchImageLocation, new Image { Id = "i", Owner = "p-owner" }, isMember: false));
    }

    [Fact]
    public void How_stores_are_configured_is_for_administrators_and_services()
    {
        var rules = new PolicyRules();
        Assert.Equal(
            [true, false, false, false, false, false, false, false, false],
            personas.Select(caller => rules.Allows(caller, PolicyAction.StoresInfoDetail, image: null, isMember: false)));
    }

    [Fact]
    public void Every_action_has_a_row()
    {
        var rows = Table.Select(row => row.Data.Item1).Append(PolicyAction.GetImages).Append(PolicyAction.StoresInfoDetail);
        Assert.Equal(Enum.GetValues<PolicyAction>().Where(AccessExplainer.IsAboutImages).Order(), rows.Order());
    }

    [Theory]
    [InlineData(PolicyAction.GetImage, "get_image")]
    [InlineData(PolicyAction.PublicizeImage, "publicize_image")]
    [InlineData(PolicyAction.ModifyMember, "modify_member")]
    public void Refusals_name_the_rule_as_operators_know_it(PolicyAction action, string name) => Assert.Equal(name, PolicyRules.RuleName(action));

    [Fact]
    public void Roles_are_compared_without_case() =>
        Assert.True(new Caller("p", null, [" Admin "]).IsAdmin);

    private static bool Allows(Caller caller, PolicyAction action, char letter)
    {
        var visibility = char.ToLowerInvariant(letter) switch
        {
            's' => ImageVisibility.Shared,
            'p' => ImageVisibility.Private,
            'c' => ImageVisibility.Community,
            _ => ImageVisibility.Public,
        };
        var image = new Image { Id = "i", Visibility = visibility, Owner = char.IsUpper(letter) ? null : "p-owner" };
        var isMember = letter == 's' && caller.ProjectId == "p-member";
        return new PolicyRules().Allows(caller, action, image, isMember);
    }
}
