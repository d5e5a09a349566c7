using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Policy;

/// <summary>An operator's <c>policy.yaml</c>, read and compiled over the default rules.</summary>
/// <param name="Path">The file.</param>
/// <param name="Text">What was in it.</param>
/// <param name="Rules">What it comes to.</param>
internal sealed record PolicyFile(string Path, string Text, PolicySet Rules)
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="ConfigurationException">It cannot be used; all that is wrong with it is in the message.</exception>
    public static PolicyFile Read(string path)
    {
        var problems = new List<ConfigurationProblem>();
        return YamlFile.ReadText(path, YamlUse.Policy, problems) is { } text ? Parse(path, text) : throw new ConfigurationException(problems);
    }

    /// <summary>Compiles the text of a file.</summary>
    /// <exception cref="ConfigurationException">It cannot be used.</exception>
    public static PolicyFile Parse(string path, string text)
    {
        var problems = new List<ConfigurationProblem>();
        var rules = new Dictionary<string, string>(StringComparer.Ordinal);
        var root = YamlFile.Parse(path, text, YamlUse.Policy, problems);
        foreach (var (name, value) in root?.Entries ?? [])
        {
            try
            {
                rules.Add(name, CheckOf(value));
            }
            catch (FormatException refusal)
            {
                problems.Add(new(value.Origin, name, refusal.Message));
            }
        }

        if (problems.Count > 0)
        {
            throw new ConfigurationException(problems);
        }

        try
        {
            return new PolicyFile(path, text, PolicySet.Compile(rules));
        }
        catch (PolicyException refused)
        {
            throw new ConfigurationException([.. refused.Problems.Select(problem => new ConfigurationProblem(root?.Find(problem.Rule)?.Origin ?? path, problem.Rule, problem.Text))]);
        }
    }

    private static string CheckOf(ConfigurationNode value) => value switch
    {
        // A '!' without quotes ends up here too: to YAML it is a tag of nothing.
        ScalarNode { Form: ScalarForm.Absent } => throw new FormatException("there is no check; write \"!\" for nobody, \"\" for everybody, in quotes"),
        ScalarNode text => text.Value,
        ListNode lists => PolicySet.TextOf([.. lists.Items.Select(ListOf)]),
        _ => throw new FormatException("expected a check, such as \"role:admin\", but there are keys below it"),
    };

    private static IReadOnlyList<string> ListOf(ConfigurationNode item) => item switch
    {
        ScalarNode check => [check.Value],
        ListNode all when all.Items.All(check => check is ScalarNode) => [.. all.Items.Select(check => ((ScalarNode)check).Value)],
        _ => throw new FormatException("expected a list of lists of checks, such as [[\"role:admin\"], [\"role:member\", \"project_id:%(owner)s\"]]"),
    };
}
