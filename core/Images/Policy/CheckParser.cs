using System.Collections.Frozen;
using System.Globalization;
using GlanceGateway.Stores;

namespace GlanceGateway.Images;

/// <summary>Reads the check language of OpenStack's policy files.</summary>
/// <remarks>
/// <code>
/// expression = ""                            everybody
///            | any
/// any        = all { "or" all }
/// all        = single { "and" single }
/// single     = "not" single | "(" any ")" | check
/// check      = "@" | "!"                     everybody, nobody
///            | "rule:" name                  what another rule says
///            | "role:" role                  a role of the caller, without case
///            | attribute ":" operand         an attribute of the caller
///            | literal ":" operand           'text', "text", a number, True, False, None
/// operand    = constant | "%(" target attribute ")s"
/// </code>
/// Words are separated by blanks; parentheses may touch the word that they begin or end. <c>not</c> binds before <c>and</c>, <c>and</c>
/// before <c>or</c>, and none of the three has a case.
/// What cannot be read is refused, where OpenStack logs it and takes it as "nobody": under a <c>not</c> that would be everybody. For the
/// same reason attributes of the caller that do not exist are refused, and so are checks that ask a web server (<c>http:</c>).
/// Attributes of the target are any: custom properties are among them, and those that an image lacks equal nothing.
/// Nesting is bounded, so neither reading nor asking can exhaust the stack.
/// </remarks>
internal sealed class CheckParser
{
    /// <summary>Parentheses and <c>not</c> within each other.</summary>
    public const int DeepestNesting = 50;

    private static readonly FrozenDictionary<string, Func<Caller, string?>> attributes = new Dictionary<string, Func<Caller, string?>>
    {
        ["project_id"] = caller => caller.ProjectId,
        ["tenant_id"] = caller => caller.ProjectId,
        ["tenant"] = caller => caller.ProjectId,
        ["user_id"] = caller => caller.UserId,
        ["user"] = caller => caller.UserId,
        ["is_admin"] = caller => caller.IsAdmin ? "True" : "False",
        ["system_scope"] = caller => caller.SystemScope,
        ["domain_id"] = caller => caller.DomainId,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private readonly List<Word> words;
    private readonly List<RuleCheck> references;
    private int next;

    private CheckParser(List<Word> words, List<RuleCheck> references)
    {
        this.words = words;
        this.references = references;
    }

    /// <summary>Reads a check.</summary>
    /// <param name="text">The text.</param>
    /// <param name="references">Receives its references to other rules, to be linked before it is asked.</param>
    /// <exception cref="FormatException">It cannot be read; the message says where, why and what to write instead.</exception>
    public static Check Parse(string text, List<RuleCheck> references)
    {
        if (text.Length == 0)
        {
            return new ConstantCheck(holds: true);
        }

        var parser = new CheckParser(Split(text), references);
        var check = parser.ReadAny(depth: 0);
        return parser.Peek() is { } rest
            ? throw Refused(rest, rest.Text == ")" ? "this parenthesis closes nothing" : "expected 'and' or 'or' before it")
            : check;
    }

    private static List<Word> Split(string text)
    {
        var words = new List<Word>();
        for (var start = 0; start < text.Length;)
        {
            if (char.IsWhiteSpace(text[start]))
            {
                start++;
                continue;
            }

            var end = start;
            while (end < text.Length && !char.IsWhiteSpace(text[end]))
            {
                end++;
            }

            for (; start < end && text[start] == '('; start++)
            {
                words.Add(new("(", start));
            }

            var last = end;
            while (last > start && text[last - 1] == ')')
            {
                last--;
            }

            if (last > start)
            {
                words.Add(new(text[start..last], start));
            }

            for (; last < end; last++)
            {
                words.Add(new(")", last));
            }

            start = end;
        }

        return words;
    }

    private static FormatException Refused(Word word, string reason) => new($"'{word.Text}' at character {word.Start + 1}: {reason}");

    private Check ReadAny(int depth) => ReadChain("or", () => ReadAll(depth), checks => new AnyCheck(checks));

    private Check ReadAll(int depth) => ReadChain("and", () => ReadSingle(depth), checks => new AllCheck(checks));

    private Check ReadChain(string between, Func<Check> read, Func<Check[], Check> join)
    {
        var first = read();
        if (Peek()?.Is(between) != true)
        {
            return first;
        }

        var checks = new List<Check> { first };
        while (Peek()?.Is(between) == true)
        {
            next++;
            checks.Add(read());
        }

        return join([.. checks]);
    }

    private Check ReadSingle(int depth)
    {
        if (Peek() is not { } word)
        {
            throw new FormatException(words.Count == 0
                ? "there is nothing but blanks; write \"\" or \"@\" for everybody, \"!\" for nobody"
                : $"a check is missing after '{words[^1].Text}' at the end");
        }

        if (depth > DeepestNesting)
        {
            throw Refused(word, $"nested deeper than {DeepestNesting} levels; give parts of it names with rules of their own");
        }

        next++;
        if (word.Is("not"))
        {
            return new NotCheck(ReadSingle(depth + 1));
        }

        if (word.Text == "(")
        {
            var inner = ReadAny(depth + 1);
            if (Peek()?.Text != ")")
            {
                throw Refused(word, Peek() is { } other ? $"expected 'and', 'or' or ')' before '{other.Text}'" : "this parenthesis is not closed");
            }

            next++;
            return inner;
        }

        return word.Text == ")" || word.Is("and") || word.Is("or") ? throw Refused(word, "a check is missing before it") : ReadCheck(word);
    }

    private Check ReadCheck(Word word)
    {
        if (word.Text is "@" or "!")
        {
            return new ConstantCheck(word.Text == "@");
        }

        var colon = ColonOf(word);
        var (kind, match) = (word.Text[..colon], word.Text[(colon + 1)..]);
        switch (kind)
        {
            case "http" or "https":
                throw Refused(word, "checks that ask a web server are not supported; say it with roles and attributes");
            case "rule":
                if (match.Length == 0 || match.Contains('%'))
                {
                    throw Refused(word, "expected the name of a rule after 'rule:'");
                }

                var reference = new RuleCheck(match);
                references.Add(reference);
                return reference;
            case "role":
                return new RoleCheck(word.Text, ReadOperand(word, match));
        }

        if (TryReadLiteral(kind, out var literal))
        {
            return new LiteralCheck(word.Text, literal, ReadOperand(word, match));
        }

        if (attributes.TryGetValue(kind, out var read))
        {
            return new CallerCheck(word.Text, kind, read, ReadOperand(word, match));
        }

        var known = attributes.Keys.Concat(["role", "rule"]).Order(StringComparer.Ordinal);
        throw Refused(
            word,
            NearestName.Of(kind, known) is { } meant
                ? $"callers have no '{kind}'; did you mean '{meant}:{match}'?"
                : $"callers have no '{kind}'; known are {string.Join(", ", known)}, and literals in quotes");
    }

    /// <summary>Where the kind ends: at the first colon, but not at one in quotes.</summary>
    private static int ColonOf(Word word)
    {
        var text = word.Text;
        var from = text[0] is '\'' or '"' ? text.IndexOf(text[0], 1) : 0;
        var colon = from < 0 ? -1 : text.IndexOf(':', from);
        if (colon > 0)
        {
            return colon;
        }

        throw Refused(word, from < 0 ? "the quotation mark is not closed (a literal has no blanks)" : "expected a check such as role:admin, rule:name or project_id:%(owner)s");
    }

    private static bool TryReadLiteral(string kind, out string? literal)
    {
        literal = kind is "True" or "False" ? kind : null;
        if (kind.Length >= 2 && kind[0] is '\'' or '"' && kind[^1] == kind[0])
        {
            literal = kind[1..^1];
        }
        else if (long.TryParse(kind, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
        {
            literal = number.ToString(CultureInfo.InvariantCulture);
        }

        return literal is not null || kind == "None";
    }

    private static Operand ReadOperand(Word word, string match)
    {
        if (match.Length == 0)
        {
            throw Refused(word, "nothing follows the colon");
        }

        if (!match.Contains('%'))
        {
            return Operand.Constant(match);
        }

        var name = match.StartsWith("%(", StringComparison.Ordinal) && match.EndsWith(")s", StringComparison.Ordinal) ? match[2..^2] : "";
        return name.Length > 0 && name.AsSpan().IndexOfAny("%()") < 0
            ? Operand.Attribute(name)
            : throw Refused(word, "an attribute of the target is written %(name)s, with nothing around it");
    }

    private Word? Peek() => next < words.Count ? words[next] : null;

    private readonly record struct Word(string Text, int Start)
    {
        public bool Is(string keyword) => Text.Equals(keyword, StringComparison.OrdinalIgnoreCase);
    }
}
