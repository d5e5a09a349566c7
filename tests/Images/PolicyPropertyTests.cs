using System.Text.RegularExpressions;
using CsCheck;
using GlanceGateway.Registry;

namespace GlanceGateway.Images.Tests;

/// <summary>Random expressions, against an evaluator that rewrites text instead of compiling it.</summary>
public sealed partial class PolicyPropertyTests
{
    private static readonly string[] leaves =
    [
        "@", "!", "role:member", "role:ADMIN", "role:%(wanted)s", "project_id:%(owner)s", "project_id:%(member_id)s", "user_id:u1", "is_admin:True",
        "'public':%(visibility)s", "\"shared\":%(visibility)s", "None:%(owner)s", "True:%(protected)s", "10:%(min_disk)s",
        "'x':%(custom)s", "None:%(custom)s", "project_id:%(missing)s", "domain_id:%(owner)s", "rule:first", "rule:second",
    ];

    private static readonly Gen<string> leaf = Gen.OneOf(leaves);

    private static readonly Gen<(Caller Caller, Image Image, bool IsMember)> question =
        from project in Gen.OneOf<string?>("p1", "p2", null)
        from roles in Gen.OneOf("member", "reader", "admin").Array[0, 3]
        from owner in Gen.OneOf<string?>("p1", "p2", null)
        from visibility in Gen.OneOf(Enum.GetValues<ImageVisibility>())
        from custom in Gen.OneOf<string?>("x", "y", null, "absent")
        from disk in Gen.OneOf(0, 1, 10, 100)
        from isProtected in Gen.Bool
        from isMember in Gen.Bool
        select (
            new Caller(project, "u1", roles),
            new Image
            {
                Id = "i",
                Owner = owner,
                Visibility = visibility,
                MinDisk = disk,
                Protected = isProtected,
                Properties = custom == "absent" ? [new("wanted", "Member")] : [new("custom", custom), new("wanted", "reader")],
            },
            isMember);

    [Fact]
    public void Compiled_rules_say_what_a_naive_evaluator_says() =>
        (from first in Expression(2, withRules: false)
         from second in Expression(2, withRules: false)
         from rule in Expression(5, withRules: true)
         from asked in question.Array[1, 8]
         select (first, second, rule, asked))
        .Sample(
            sample =>
            {
                var policy = new PolicyRules(PolicySet.Compile(
                    new Dictionary<string, string> { ["first"] = sample.first, ["second"] = sample.second, ["get_image"] = sample.rule, ["delete_image"] = "rule:first or rule:second" }));
                foreach (var (caller, image, isMember) in sample.asked)
                {
                    var expected = Naive(sample.rule, rule => Naive(rule == "first" ? sample.first : sample.second, _ => false, caller, image, isMember), caller, image, isMember);
                    Assert.Equal(expected, policy.Allows(caller, PolicyAction.GetImage, image, isMember));
                }
            },
            iter: 5000);

    /// <summary>Text of any shape: parentheses here and there, keywords in any case, blanks where there may be some.</summary>
    private static Gen<string> Expression(int depth, bool withRules)
    {
        var last = withRules ? leaf : leaf.Where(text => !text.StartsWith("rule:", StringComparison.Ordinal));
        if (depth == 0)
        {
            return last;
        }

        var inner = Expression(depth - 1, withRules);
        return Gen.OneOf(
            last,
            from a in inner from b in inner from word in Gen.OneOf("and", "AND", "or", "Or") from gap in Gen.OneOf(" ", "  ", "\t") select $"{a}{gap}{word} {b}",
            from a in inner from word in Gen.OneOf("not", "Not") select $"{word} {a}",
            from a in inner from gap in Gen.OneOf("", " ") select $"({gap}{a}{gap})");
    }

    /// <summary>Puts 0 and 1 for the leaves, then takes the innermost parentheses, and in them not, and, or in turn.</summary>
    private static bool Naive(string text, Func<string, bool> rule, Caller caller, Image image, bool isMember)
    {
        foreach (var leaf in leaves)
        {
            text = text.Replace(leaf, Leaf(leaf, rule, caller, image, isMember) ? "1" : "0", StringComparison.Ordinal);
        }

        text = Blanks().Replace(text.ToLowerInvariant(), "");
        while (Parentheses().IsMatch(text))
        {
            text = Parentheses().Replace(text, match => Flat(match.Groups["inner"].Value));
        }

        return Flat(text) == "1";
    }

    private static string Flat(string text)
    {
        while (text.Contains("not0", StringComparison.Ordinal) || text.Contains("not1", StringComparison.Ordinal))
        {
            text = text.Replace("not0", "1", StringComparison.Ordinal).Replace("not1", "0", StringComparison.Ordinal);
        }

        return text.Split("or").Any(part => part.Split("and").All(bit => bit == "1")) ? "1" : "0";
    }

    private static bool Leaf(string leaf, Func<string, bool> rule, Caller caller, Image image, bool isMember)
    {
        var custom = image.Properties.ToDictionary(p => p.Key, p => p.Value);
        return leaf switch
        {
            "@" => true,
            "!" => false,
            "role:member" => caller.Roles.Contains("member"),
            "role:ADMIN" => caller.Roles.Contains("admin"),
            "role:%(wanted)s" => caller.Roles.Contains(custom["wanted"]!.ToLowerInvariant()),
            "project_id:%(owner)s" => caller.ProjectId is not null && caller.ProjectId == image.Owner,
            "project_id:%(member_id)s" => caller.ProjectId is not null && isMember,
            "user_id:u1" => true,
            "is_admin:True" => caller.Roles.Contains("admin"),
            "'public':%(visibility)s" => image.Visibility == ImageVisibility.Public,
            "\"shared\":%(visibility)s" => image.Visibility == ImageVisibility.Shared,
            "None:%(owner)s" => image.Owner is null,
            "True:%(protected)s" => image.Protected,
            "10:%(min_disk)s" => image.MinDisk == 10,
            "'x':%(custom)s" => custom.GetValueOrDefault("custom") == "x",
            "None:%(custom)s" => custom.TryGetValue("custom", out var value) && value is null,
            "project_id:%(missing)s" or "domain_id:%(owner)s" => false,
            _ => rule(leaf["rule:".Length..]),
        };
    }

    [GeneratedRegex(@"\s+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Blanks();

    [GeneratedRegex(@"\((?<inner>[^()]*)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Parentheses();
}
