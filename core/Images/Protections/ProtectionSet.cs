using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace GlanceGateway.Images;

/// <summary>What the rules of a protection file are.</summary>
public enum ProtectionFormat
{
    /// <summary>Lists of roles.</summary>
    Roles,

    /// <summary>Names of policy rules, one for each operation.</summary>
    Policies,
}

/// <summary>What is done to a custom property.</summary>
public enum PropertyOperation
{
    /// <summary>It is added to an image.</summary>
    Create,

    /// <summary>It is shown.</summary>
    Read,

    /// <summary>Its value is changed.</summary>
    Update,

    /// <summary>It is removed.</summary>
    Delete,
}

/// <summary>
/// The rules of a protection file, in Glance's form: sections headed by a regular expression in brackets, each with <c>create</c>,
/// <c>read</c>, <c>update</c> and <c>delete</c>. Immutable.
/// </summary>
/// <remarks>
/// Invariants: the first section found in a name decides, even when it denies (OSSN-0013); a name that no section is found in is closed to
/// all; every section names all four operations. Before all others stands one of the gateway's own, which opens <c>os_glance</c> names: those
/// no user may set anyway.
/// </remarks>
public sealed class ProtectionSet
{
    /// <summary>How long an expression may look at a name. A name that takes longer is closed.</summary>
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromMilliseconds(100);

    private static readonly string[] Operations = ["create", "read", "update", "delete"];

    private readonly IReadOnlyList<Section> _sections;

    private ProtectionSet(IReadOnlyList<Section> sections) => _sections = sections;

    /// <summary>How many sections the file has.</summary>
    public int Count => _sections.Count;

    /// <summary>The policy rules that the sections name.</summary>
    public IEnumerable<string> PolicyRules => _sections.SelectMany(section => section.Rules).Select(rule => rule.Policy).OfType<string>().Distinct(StringComparer.Ordinal);

    /// <summary>Reads the text of a file.</summary>
    /// <exception cref="ProtectionException">All that is wrong with it.</exception>
    public static ProtectionSet Parse(string text, ProtectionFormat format)
    {
        List<ProtectionProblem> problems = [];
        List<Section> sections = [];
        Draft? draft = null;
        var number = 0;
        foreach (var raw in text.ReplaceLineEndings("\n").Split('\n'))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line[0] is '#' or ';')
            {
                continue;
            }

            if (line[0] == '[' && line[^1] == ']')
            {
                Finish(draft, sections, problems);
                draft = new Draft(line[1..^1], number);
                if (sections.Exists(section => section.Text == draft.Text))
                {
                    problems.Add(new(number, $"the section [{draft.Text}] is there twice; the second would never decide"));
                }

                continue;
            }

            ReadRule(line, number, draft, format, problems);
        }

        Finish(draft, sections, problems);
        if (sections.Count == 0 && problems.Count == 0)
        {
            problems.Add(new(1, "there is no section in it, so every custom property would be closed to all; write one, such as [.*]"));
        }

        return problems.Count == 0 ? new ProtectionSet(sections) : throw new ProtectionException(problems);
    }

    /// <summary>Whether it may be done.</summary>
    internal bool Allows(Caller caller, PropertyOperation operation, string name, PolicySet policy)
    {
        if (name.StartsWith("os_glance", StringComparison.Ordinal))
        {
            return true;
        }

        foreach (var section in _sections)
        {
            try
            {
                if (section.Pattern.IsMatch(name))
                {
                    return section.Rules[(int)operation].Allows(caller, policy);
                }
            }
            catch (RegexMatchTimeoutException)
            {
                return false;
            }
        }

        return false;
    }

    private static void ReadRule(string line, int number, Draft? draft, ProtectionFormat format, List<ProtectionProblem> problems)
    {
        var separator = line.AsSpan().IndexOfAny('=', ':');
        if (separator < 0)
        {
            problems.Add(new(number, $"'{line}' is neither a section such as [^billing_] nor a rule such as 'read = admin'"));
            return;
        }

        var (key, value) = (line[..separator].Trim().ToLowerInvariant(), line[(separator + 1)..].Trim());
        var operation = Array.IndexOf(Operations, key);
        if (draft is null)
        {
            problems.Add(new(number, $"'{key}' stands before the first section; write the section's expression in brackets above it"));
        }
        else if (operation < 0)
        {
            problems.Add(new(number, $"there is no operation '{key}'; known are {string.Join(", ", Operations)}"));
        }
        else if (draft.Rules[operation] is not null)
        {
            problems.Add(new(number, $"'{key}' is there twice in [{draft.Text}]"));
        }
        else
        {
            draft.Rules[operation] = Compile(value, format, number, problems);
        }
    }

    private static Rule Compile(string value, ProtectionFormat format, int number, List<ProtectionProblem> problems)
    {
        var words = value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var (all, nobody) = (words.Contains("@", StringComparer.Ordinal), words.Contains("!", StringComparer.Ordinal));
        if (all && nobody)
        {
            problems.Add(new(number, "'@' (everybody) and '!' (nobody) stand together; keep one of them"));
        }
        else if (format == ProtectionFormat.Policies && words.Length > 1)
        {
            problems.Add(new(number, $"'{value}': with rule_format policies there is one policy rule for each operation; write one that comes to all of them in policy.yaml"));
        }

        return all || nobody || words.Length == 0 ? new Rule(all, [], null)
            : format == ProtectionFormat.Policies ? new Rule(false, [], words[0])
            : new Rule(false, words.Select(word => word.ToLowerInvariant()).ToFrozenSet(StringComparer.Ordinal), null);
    }

    private static void Finish(Draft? draft, List<Section> sections, List<ProtectionProblem> problems)
    {
        if (draft is null)
        {
            return;
        }

        var missing = Operations.Where((_, i) => draft.Rules[i] is null).ToList();
        if (missing.Count > 0)
        {
            problems.Add(new(draft.Line, $"the section [{draft.Text}] does not say who may {string.Join(", ", missing)}; add it, '!' is nobody"));
            return;
        }

        try
        {
            // The names are users' and the expressions an operator's, so the search is bounded in time where it cannot be in kind.
            sections.Add(new Section(draft.Text, new Regex(draft.Text, RegexOptions.CultureInvariant, MatchTimeout), [.. draft.Rules.OfType<Rule>()]));
        }
        catch (ArgumentException fault)
        {
            problems.Add(new(draft.Line, $"[{draft.Text}] is no regular expression: {fault.Message}"));
        }
    }

    private sealed record Draft(string Text, int Line)
    {
        public Rule?[] Rules { get; } = new Rule?[Operations.Length];
    }

    private sealed record Section(string Text, Regex Pattern, Rule[] Rules);

    private sealed record Rule(bool Everybody, FrozenSet<string> Roles, string? Policy)
    {
        public bool Allows(Caller caller, PolicySet policy) =>
            Everybody
            || Roles.Overlaps(caller.Roles)
            || Roles.Overlaps(caller.ServiceRoles)
            || (Policy is not null && policy.Rules.TryGetValue(Policy, out var rule) && rule.Check.Holds(new PolicyQuestion(caller, null, false)));
    }
}
