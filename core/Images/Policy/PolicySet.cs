using System.Collections.Frozen;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>A compiled rule.</summary>
internal sealed record PolicyRule(string Name, string Text, bool IsOperators, Check Check, IReadOnlyList<RuleCheck> References);

/// <summary>All rules, compiled and linked: Glance's defaults, and an operator's over them. Immutable.</summary>
/// <remarks>
/// Invariants: every reference is linked, no rule refers to itself by any way, and what a rule comes to with all that it refers to is
/// bounded in depth (the stack) and in checks (the time): a few short rules that name each other twice would double with every one.
/// </remarks>
public sealed class PolicySet
{
    private const int DeepestReferences = 32;
    private const long MostChecks = 10_000;

    private readonly PolicyRule[] actions;

    private PolicySet(Dictionary<string, PolicyRule> rules, IReadOnlyList<string> warnings)
    {
        Rules = rules.ToFrozenDictionary(StringComparer.Ordinal);
        actions = [.. Enum.GetValues<PolicyAction>().Select(action => rules[PolicyRules.RuleName(action)])];
        Warnings = warnings;
    }

    /// <summary>Glance's default rules.</summary>
    public static PolicySet Default { get; } = Compile(new Dictionary<string, string>());

    /// <summary>What works but deserves a look, one line each.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Whether there is a rule of a name.</summary>
    public bool Holds(string rule) => Rules.ContainsKey(rule);

    /// <summary>How many rules are the operator's.</summary>
    public int OperatorRules => Rules.Values.Count(rule => rule.IsOperators);

    internal FrozenDictionary<string, PolicyRule> Rules { get; }

    /// <summary>Compiles rules over the defaults.</summary>
    /// <param name="rules">Names and checks; <see cref="CheckParser"/> describes their language. Rules of any name may be referred to.</param>
    /// <exception cref="PolicyException">Some cannot be read or linked.</exception>
    public static PolicySet Compile(IReadOnlyDictionary<string, string> rules)
    {
        var problems = new List<PolicyProblem>();
        var compiled = new Dictionary<string, PolicyRule>(StringComparer.Ordinal);
        foreach (var rule in PolicyDefaults.Shared.Concat(PolicyDefaults.Actions))
        {
            Add(rule.Name, rule.Check, isOperators: false);
        }

        var standard = compiled.Keys.ToHashSet(StringComparer.Ordinal);
        foreach (var (name, text) in rules)
        {
            Add(name, text, isOperators: true);
        }

        // References of a rule that could not be read are not known, so a slip of its name would be reported beside it for nothing.
        if (problems.Count == 0)
        {
            Link(compiled, problems);
        }

        var warnings = new List<string>();
        if (problems.Count == 0)
        {
            ReportUnused(compiled, standard, problems, warnings);
        }

        return problems.Count == 0 ? new PolicySet(compiled, warnings) : throw new PolicyException(problems);

        void Add(string name, string text, bool isOperators)
        {
            try
            {
                var references = new List<RuleCheck>();
                compiled[name] = new PolicyRule(name, text, isOperators, CheckParser.Parse(text, references), references);
            }
            catch (FormatException refusal)
            {
                problems.Add(new(name, refusal.Message));
            }
        }
    }

    /// <summary>Writes the older form of a check, lists of checks, as text: one of the lists must hold, and of that all checks.</summary>
    /// <param name="lists">Each has one check per item.</param>
    /// <exception cref="FormatException">An item is more than one check.</exception>
    public static string TextOf(IReadOnlyList<IReadOnlyList<string>> lists)
    {
        if (lists.SelectMany(list => list).FirstOrDefault(item => item.Length == 0 || item.Any(c => char.IsWhiteSpace(c)) || item[0] == '(' || item[^1] == ')') is { } several)
        {
            throw new FormatException($"'{several}': in a list every item is one check, such as role:admin; write the whole rule as one text to use 'and', 'or' and 'not'");
        }

        var filled = lists.Where(list => list.Count > 0).Select(list => $"({string.Join(" and ", list)})").ToList();
        return lists.Count == 0 ? "" : filled.Count == 0 ? "!" : string.Join(" or ", filled);
    }

    /// <summary>The rule of an action.</summary>
    internal PolicyRule Of(PolicyAction action) => actions[(int)action];

    private static void Link(Dictionary<string, PolicyRule> rules, List<PolicyProblem> problems)
    {
        foreach (var rule in rules.Values)
        {
            foreach (var reference in rule.References)
            {
                if (rules.TryGetValue(reference.Name, out var target))
                {
                    reference.Link(target);
                    continue;
                }

                var remedy = NearestName.Of(reference.Name, rules.Keys) is { } meant ? $"did you mean 'rule:{meant}'?" : "add one of this name, or write its check here";
                problems.Add(new(rule.Name, $"'rule:{reference.Name}': there is no such rule; {remedy}"));
            }
        }

        if (problems.Count > 0)
        {
            return;
        }

        var sizes = new Dictionary<string, (int Depth, long Checks)>(StringComparer.Ordinal);
        foreach (var rule in rules.Values.Where(rule => rule.IsOperators))
        {
            Measure(rule, [], rules, sizes, problems);
        }
    }

    /// <summary>How deep a rule goes and what it comes to. Reports a circle once, at the rule that closes it.</summary>
    private static (int Depth, long Checks) Measure(
        PolicyRule rule,
        List<string> way,
        Dictionary<string, PolicyRule> rules,
        Dictionary<string, (int Depth, long Checks)> sizes,
        List<PolicyProblem> problems)
    {
        if (sizes.TryGetValue(rule.Name, out var known))
        {
            return known;
        }

        if (way.IndexOf(rule.Name) is var first and >= 0)
        {
            problems.Add(new(rule.Name, $"it refers to itself ({string.Join(" > ", way.Skip(first))} > {rule.Name}); take one of these references out"));
            return sizes[rule.Name] = (0, 0);
        }

        if (way.Count > DeepestReferences)
        {
            problems.Add(new(rule.Name, $"more than {DeepestReferences} rules refer to each other in a row ({way[0]} > {way[1]} > …); write some of them as one"));
            return sizes[rule.Name] = (0, 0);
        }

        way.Add(rule.Name);
        var (depth, checks) = (0, 1 + (long)rule.Text.Length / 2);
        foreach (var reference in rule.References)
        {
            var inner = Measure(rules[reference.Name], way, rules, sizes, problems);
            depth = Math.Max(depth, inner.Depth + 1);
            checks += inner.Checks;
        }

        way.RemoveAt(way.Count - 1);
        if (depth > DeepestReferences || checks > MostChecks)
        {
            problems.Add(new(rule.Name, "it comes to too much with all the rules it refers to; make it shorter"));
            (depth, checks) = (0, 0);
        }

        return sizes[rule.Name] = (depth, checks);
    }

    /// <summary>A rule that nothing asks for is a slip when its name is nearly another's, and else something the operator should know of.</summary>
    private static void ReportUnused(Dictionary<string, PolicyRule> rules, HashSet<string> standard, List<PolicyProblem> problems, List<string> warnings)
    {
        var referred = rules.Values.SelectMany(rule => rule.References).Select(reference => reference.Name).ToHashSet(StringComparer.Ordinal);
        var unused = rules.Keys.Where(name => !standard.Contains(name) && !referred.Contains(name)).Order(StringComparer.Ordinal).ToList();
        foreach (var name in unused.Where(name => !PolicyDefaults.Elsewhere.Contains(name)))
        {
            if (NearestName.Of(name, standard) is { } meant)
            {
                problems.Add(new(name, $"there is no such rule; did you mean '{meant}'? (A rule of your own needs another that refers to it.)"));
            }
            else
            {
                warnings.Add($"the rule {name} decides nothing: no action has this name and no rule refers to it (a property protection may)");
            }
        }

        var elsewhere = unused.Where(PolicyDefaults.Elsewhere.Contains).ToList();
        if (elsewhere.Count > 0)
        {
            warnings.Add($"these rules decide nothing, they are for what this gateway does not do: {string.Join(", ", elsewhere)}");
        }

        if (rules["context_is_admin"] is { IsOperators: true } admin && admin.Text.Trim() != PolicyDefaults.Shared.Single(rule => rule.Name == admin.Name).Check)
        {
            warnings.Add("the rule context_is_admin counts for rules that refer to it, but who sees every project's images is decided by the role admin alone");
        }
    }
}
