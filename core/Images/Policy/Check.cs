using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>What a check is asked.</summary>
/// <param name="Caller">Who acts.</param>
/// <param name="Image">On which image; null for actions on none.</param>
/// <param name="IsMember">Whether the image is shared with the caller's project.</param>
internal readonly record struct PolicyQuestion(Caller Caller, Image? Image, bool IsMember);

/// <summary>A compiled check: made once, asked for every image, without allocating.</summary>
internal abstract class Check
{
    /// <summary>Whether it holds.</summary>
    public abstract bool Holds(in PolicyQuestion question);

    /// <summary>Adds the checks below that stand alone, each with its outcome, whether or not it decided.</summary>
    public abstract void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into);
}

/// <summary><c>@</c>, <c>!</c>, and the empty text, which is as good as <c>@</c>.</summary>
internal sealed class ConstantCheck(bool holds) : Check
{
    public override bool Holds(in PolicyQuestion question) => holds;

    public override void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into) =>
        into.Add(new(rule, holds ? "@" : "!", holds, holds ? "everybody" : "nobody"));
}

/// <summary><c>not</c>.</summary>
internal sealed class NotCheck(Check inner) : Check
{
    public override bool Holds(in PolicyQuestion question) => !inner.Holds(question);

    public override void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into) => inner.Explain(question, rule, into);
}

/// <summary><c>and</c>, over two or more.</summary>
internal sealed class AllCheck(Check[] inner) : Check
{
    public override bool Holds(in PolicyQuestion question)
    {
        foreach (var check in inner)
        {
            if (!check.Holds(question))
            {
                return false;
            }
        }

        return true;
    }

    public override void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into)
    {
        foreach (var check in inner)
        {
            check.Explain(question, rule, into);
        }
    }
}

/// <summary><c>or</c>, over two or more.</summary>
internal sealed class AnyCheck(Check[] inner) : Check
{
    public override bool Holds(in PolicyQuestion question)
    {
        foreach (var check in inner)
        {
            if (check.Holds(question))
            {
                return true;
            }
        }

        return false;
    }

    public override void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into)
    {
        foreach (var check in inner)
        {
            check.Explain(question, rule, into);
        }
    }
}

/// <summary><c>rule:name</c>.</summary>
internal sealed class RuleCheck(string name) : Check
{
    private PolicyRule? rule;

    /// <summary>The rule referred to.</summary>
    public string Name => name;

    /// <summary>Connects the reference; before that it cannot be asked.</summary>
    public void Link(PolicyRule target) => rule = target;

    public override bool Holds(in PolicyQuestion question) => rule!.Check.Holds(question);

    public override void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into)
    {
        into.Add(new(rule, $"rule:{name}", Holds(question), this.rule!.Text.Length == 0 ? "everybody" : this.rule.Text));
        this.rule.Check.Explain(question, name, into);
    }
}

/// <summary><c>role:name</c> and <c>role:%(attribute)s</c>. Roles have no case.</summary>
internal sealed class RoleCheck(string text, Operand role) : Check
{
    public override bool Holds(in PolicyQuestion question)
    {
        foreach (var held in question.Caller.Roles)
        {
            if (role.Is(question, held, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    public override void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into)
    {
        var roles = question.Caller.Roles.Count == 0 ? "no roles" : "the roles " + string.Join(", ", question.Caller.Roles.Order(StringComparer.Ordinal));
        into.Add(new(rule, text, Holds(question), $"the caller has {roles}{role.Describe(question)}"));
    }
}

/// <summary><c>attribute:value</c>: an attribute of the caller.</summary>
internal sealed class CallerCheck(string text, string attribute, Func<Caller, string?> read, Operand expected) : Check
{
    public override bool Holds(in PolicyQuestion question) => read(question.Caller) is { } value
        ? expected.Is(question, value, StringComparison.Ordinal)
        : expected.IsNone;

    public override void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into)
    {
        var value = read(question.Caller);
        into.Add(new(rule, text, Holds(question), $"{(value is null ? $"the caller has no {attribute}" : $"the caller's {attribute} is {value}")}{expected.Describe(question)}"));
    }
}

/// <summary><c>'text':value</c>, <c>True:value</c>, <c>None:value</c>.</summary>
/// <param name="text">As written.</param>
/// <param name="literal">The literal; null for None.</param>
/// <param name="expected">What it is compared to.</param>
internal sealed class LiteralCheck(string text, string? literal, Operand expected) : Check
{
    public override bool Holds(in PolicyQuestion question) => expected.Is(question, literal, StringComparison.Ordinal);

    public override void Explain(in PolicyQuestion question, string rule, ICollection<CheckExplanation> into) =>
        into.Add(new(rule, text, Holds(question), expected.Describe(question) is { Length: > 0 } value ? value[2..] : "two constants"));
}
