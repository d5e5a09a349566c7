using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>The check language, expression by expression.</summary>
public sealed class PolicyLanguageTests
{
    private static readonly Caller Somebody = new("p1", "u1", ["Member", "reader"]);

    private static readonly Image SomeImage = new()
    {
        Id = "i1",
        Owner = "p1",
        Name = "deb",
        Visibility = ImageVisibility.Public,
        Protected = true,
        MinDisk = 10,
        Size = 5_000_000_000,
        Properties = [new("tier", "gold"), new("nothing", null), new("keeper", "u1"), new("wanted_role", "READER")],
    };

    [Theory]
    [InlineData("", true)]
    [InlineData("@", true)]
    [InlineData("!", false)]
    // Roles.
    [InlineData("role:member", true)]
    [InlineData("role:MEMBER", true)]
    [InlineData("role:admin", false)]
    [InlineData("role:%(wanted_role)s", true)]
    [InlineData("role:%(tier)s", false)]
    // Attributes of the caller.
    [InlineData("project_id:p1", true)]
    [InlineData("project_id:P1", false)]
    [InlineData("tenant:p1", true)]
    [InlineData("user_id:%(keeper)s", true)]
    [InlineData("user:%(tier)s", false)]
    [InlineData("is_admin:True", false)]
    [InlineData("is_admin:False", true)]
    [InlineData("is_admin:true", false)]
    [InlineData("system_scope:all", false)]
    [InlineData("system_scope:None", true)]
    [InlineData("domain_id:%(nothing)s", false)]
    // Attributes of the target.
    [InlineData("project_id:%(owner)s", true)]
    [InlineData("project_id:%(project_id)s", true)]
    [InlineData("project_id:%(member_id)s", false)]
    [InlineData("project_id:%(no_such_attribute)s", false)]
    [InlineData("not project_id:%(no_such_attribute)s", true)]
    [InlineData("'public':%(visibility)s", true)]
    [InlineData("\"public\":%(visibility)s", true)]
    [InlineData("'Public':%(visibility)s", false)]
    [InlineData("'gold':%(tier)s", true)]
    [InlineData("'i1':%(image_id)s and 'i1':%(id)s and 'deb':%(name)s and 'queued':%(status)s", true)]
    [InlineData("True:%(protected)s", true)]
    [InlineData("False:%(os_hidden)s", true)]
    [InlineData("10:%(min_disk)s", true)]
    [InlineData("1:%(min_disk)s", false)]
    [InlineData("5000000000:%(size)s", true)]
    // None.
    [InlineData("None:%(nothing)s", true)]
    [InlineData("None:%(virtual_size)s", true)]
    [InlineData("None:%(checksum)s", true)]
    [InlineData("None:%(member_id)s", true)]
    [InlineData("None:%(owner)s", false)]
    [InlineData("None:%(no_such_attribute)s", false)]
    [InlineData("'None':%(nothing)s", false)]
    // Literals with what a check is made of.
    [InlineData("'a:b':a:b", true)]
    [InlineData("'x':x", true)]
    [InlineData("-3:-3", true)]
    // Precedence.
    [InlineData("@ or ! and !", true)]
    [InlineData("! and ! or @", true)]
    [InlineData("(@ or !) and !", false)]
    [InlineData("not ! and !", false)]
    [InlineData("not (! and !)", true)]
    [InlineData("not @ or @", true)]
    [InlineData("not (@ or @)", false)]
    [InlineData("not not @", true)]
    [InlineData("@ and not !", true)]
    [InlineData("! or @ and not !", true)]
    [InlineData("@ AND (NOT !) Or !", true)]
    [InlineData("((@))", true)]
    [InlineData("( ( @ ) and\t(@ ) )\n", true)]
    [InlineData("(project_id:%(owner)s)", true)]
    [InlineData("role:admin or (role:member and (project_id:%(owner)s or 'public':%(visibility)s))", true)]
    [InlineData("role:admin or (role:member and not (project_id:%(owner)s or 'public':%(visibility)s))", false)]
    public void A_check_comes_to(string check, bool expected) =>
        Assert.Equal(expected, Holds(check, Somebody, SomeImage));

    [Theory]
    [InlineData("   ", "nothing but blanks")]
    [InlineData("member", "'member' at character 1: expected a check such as role:admin")]
    [InlineData("true", "expected a check such as")]
    [InlineData(":x", "expected a check such as")]
    [InlineData("role:", "nothing follows the colon")]
    [InlineData("rule:", "the name of a rule")]
    [InlineData("rule:%(owner)s", "the name of a rule")]
    [InlineData("role:a role:b", "'role:b' at character 8: expected 'and' or 'or' before it")]
    [InlineData("role:a and", "a check is missing after 'and' at the end")]
    [InlineData("role:a and or role:b", "'or' at character 12: a check is missing before it")]
    [InlineData("and role:a", "a check is missing before it")]
    [InlineData("not", "a check is missing after 'not'")]
    [InlineData("()", "')' at character 2: a check is missing before it")]
    [InlineData("(role:a", "'(' at character 1: this parenthesis is not closed")]
    [InlineData("(role:a role:b)", "expected 'and', 'or' or ')' before 'role:b'")]
    [InlineData("role:a)", "')' at character 7: this parenthesis closes nothing")]
    [InlineData("project_id:%(owner)", "written %(name)s")]
    [InlineData("project_id:%(owner)d", "written %(name)s")]
    [InlineData("project_id:x-%(owner)s", "with nothing around it")]
    [InlineData("project_id:%(a)s%(b)s", "with nothing around it")]
    [InlineData("project_id:%()s", "written %(name)s")]
    [InlineData("project_id:50%", "written %(name)s")]
    [InlineData("projct_id:%(owner)s", "callers have no 'projct_id'; did you mean 'project_id:%(owner)s'?")]
    [InlineData("Role:admin", "did you mean 'role:admin'?")]
    [InlineData("shoe_size:44", "known are domain_id, is_admin, project_id, role, rule")]
    [InlineData("'open:%(visibility)s", "the quotation mark is not closed")]
    [InlineData("'two words':%(name)s", "the quotation mark is not closed")]
    [InlineData("'quoted'", "expected a check such as")]
    [InlineData("http://policy.example.org/%(name)s", "checks that ask a web server are not supported")]
    [InlineData("role:admin or https://policy.example.org/", "checks that ask a web server are not supported")]
    public void What_cannot_be_read_is_refused_with_place_and_remedy(string check, string message)
    {
        var problem = Assert.Single(Assert.Throws<PolicyException>(() => PolicySet.Compile(new Dictionary<string, string> { ["get_image"] = check })).Problems);
        Assert.Equal("get_image", problem.Rule);
        Assert.Contains(message, problem.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Who_has_no_project_owns_nothing_that_nobody_owns()
    {
        var nobodys = SomeImage with { Owner = null };
        var unscoped = new Caller(null, "u1", ["member"]);
        Assert.False(Holds("project_id:%(owner)s", unscoped, nobodys));
        Assert.False(Holds("project_id:%(owner)s", new Caller("None", "u1", []), nobodys));
        Assert.True(Holds("None:%(owner)s", unscoped, nobodys));
        Assert.True(Holds("project_id:None", unscoped, nobodys));
    }

    [Fact]
    public void A_member_is_known_by_its_project()
    {
        var shared = SomeImage with { Owner = "p2", Visibility = ImageVisibility.Shared };
        Assert.True(Holds("project_id:%(member_id)s and project_id:%(member)s", Somebody, shared, isMember: true));
        Assert.False(Holds("project_id:%(member_id)s or project_id:%(member)s", Somebody, shared, isMember: false));
    }

    [Fact]
    public void Actions_on_no_image_are_about_the_callers_project()
    {
        Assert.True(Holds("project_id:%(project_id)s", Somebody, null));
        Assert.False(Holds("project_id:%(owner)s or 'public':%(visibility)s or None:%(size)s", Somebody, null));
    }

    [Theory]
    [InlineData(CheckParser.DeepestNesting, true)]
    [InlineData(CheckParser.DeepestNesting + 1, false)]
    [InlineData(100_000, false)]
    public void Nesting_is_bounded(int depth, bool accepted)
    {
        foreach (var check in new[] { new string('(', depth) + "@" + new string(')', depth), string.Concat(Enumerable.Repeat("not ", depth)) + "@" })
        {
            var refusal = Record.Exception(() => CheckParser.Parse(check, []));
            Assert.Equal(accepted, refusal is null);
            Assert.True(accepted || refusal!.Message.Contains("nested deeper than 50 levels", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(true, "")]
    [InlineData(false, "", "")]
    [InlineData(true, "role:admin", "role:member,project_id:%(owner)s")]
    [InlineData(false, "role:admin", "role:member,project_id:p2")]
    [InlineData(false, "role:admin", "")]
    [InlineData(true, "@")]
    public void Lists_of_lists_are_or_of_and(bool expected, params string[] lists)
    {
        IReadOnlyList<IReadOnlyList<string>> parsed = lists is [""] ? [] : [.. lists.Select(list => list.Split(',', StringSplitOptions.RemoveEmptyEntries))];
        Assert.Equal(expected, Holds(PolicySet.TextOf(parsed), Somebody, SomeImage));
    }

    [Theory]
    [InlineData("role:a or role:b")]
    [InlineData("(role:a)")]
    [InlineData("")]
    public void An_item_of_a_list_is_one_check(string item) =>
        Assert.Contains("every item is one check", Assert.Throws<FormatException>(() => PolicySet.TextOf([[item]])).Message, StringComparison.Ordinal);

    private static bool Holds(string check, Caller caller, Image? image, bool isMember = false) =>
        CheckParser.Parse(check, []).Holds(new PolicyQuestion(caller, image, isMember));
}
