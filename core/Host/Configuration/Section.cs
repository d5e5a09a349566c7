using System.Globalization;

namespace GlanceGateway.Host.Configuration;

/// <summary>Reads the keys of one mapping strictly: each reader checks form and range and reports what does not fit; <see cref="Finish"/>
/// reports the keys that nobody read. A reader returns null for an absent key and for one that it reported.</summary>
internal sealed class Section(MappingNode node, string path, BindingLog log)
{
    private readonly List<string> _known = [];

    public string Origin => node.Origin;

    public bool IsEmpty => !node.Entries.Any();

    /// <summary>Whether a key is there, whatever its value.</summary>
    public bool Has(string key) => node.Find(key) is not null;

    /// <summary>Whether a key has keys below it.</summary>
    public bool IsSection(string key) => node.Find(key) is MappingNode;

    /// <summary>The whole path of a key.</summary>
    public string PathOf(string key) => path.Length == 0 ? key : $"{path}.{key}";

    public string? Text(string key, string form = "text") => Read(key, form, scalar => scalar.Value.Length > 0 ? scalar.Value : null);

    public bool? Flag(string key) => ReadValue<bool>(key, "true or false", scalar => bool.TryParse(scalar.Value, out var flag) ? flag : null);

    public int? Number(string key, int least, int most) => ReadValue<int>(
        key,
        $"a whole number from {least} to {most}",
        scalar => int.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number : null);

    public long? Size(string key, long least) => ReadValue<long>(
        key,
        $"{ValueFormats.SizeForm}, at least {least}",
        scalar => ValueFormats.TryParseSize(scalar.Value, out var bytes) && bytes >= least ? bytes : null);

    public TimeSpan? Duration(string key, TimeSpan least, TimeSpan most) => ReadValue<TimeSpan>(
        key,
        $"{ValueFormats.DurationForm}, from {least.TotalSeconds:0}s to {most.TotalSeconds:0}s",
        scalar => ValueFormats.TryParseDuration(scalar.Value, out var duration) && duration >= least && duration <= most ? duration : null);

    public T? Choice<T>(string key, params (string Word, T Value)[] choices)
        where T : struct => ReadValue<T>(
            key,
            $"one of {string.Join(", ", choices.Select(choice => choice.Word))}",
            scalar => choices.Where(choice => choice.Word.Equals(scalar.Value, StringComparison.OrdinalIgnoreCase)).Select(choice => (T?)choice.Value).FirstOrDefault());

    /// <summary>An absolute path, without <c>..</c> and doubled slashes.</summary>
    public string? Directory(string key) => Read(key, "an absolute path, such as /srv/images", FullPath);

    public IReadOnlyList<string>? Directories(string key) => List(key, "absolute paths, such as [/usr/lib/glance-gateway/plugins]", FullPath);

    public IReadOnlyList<string>? Texts(string key, string form) => List(key, form, scalar => scalar.Value.Length > 0 ? scalar.Value : null);

    /// <summary>A secret: what does not fit is reported without it.</summary>
    public string? Secret(string key, string form, Func<string, bool> fits)
    {
        if (FindScalar(key, form) is not { } scalar)
        {
            return null;
        }

        if (fits(scalar.Value))
        {
            return scalar.Value;
        }

        log.Report(scalar.Origin, PathOf(key), $"the value does not fit; expected {form}");
        return null;
    }

    /// <summary>Reads one value; <paramref name="parse"/> returns null for one that is not of the form.</summary>
    public T? Read<T>(string key, string form, Func<ScalarNode, T?> parse)
        where T : class
    {
        if (FindScalar(key, form) is not { } scalar)
        {
            return null;
        }

        var value = parse(scalar);
        if (value is null)
        {
            log.Report(scalar.Origin, PathOf(key), $"{Quote(scalar.Value)} does not fit; expected {form}");
        }

        return value;
    }

    /// <summary>Reads a list; a variable or flag gives it with commas.</summary>
    public IReadOnlyList<T>? List<T>(string key, string form, Func<ScalarNode, T?> parse)
        where T : class
    {
        if (Find(key) is not { } found)
        {
            return null;
        }

        IReadOnlyList<ConfigurationNode> items;
        switch (found)
        {
            case ListNode list:
                items = list.Items;
                break;
            case ScalarNode { Form: ScalarForm.Variable or ScalarForm.Flag } joined:
                items = [.. joined.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                    .Select(item => new ScalarNode(joined.Origin, item, joined.Form))];
                break;
            default:
                log.Report(found.Origin, PathOf(key), $"expected a list of {form}, but this is {Kind(found)}");
                return null;
        }

        var values = new List<T>();
        foreach (var item in items)
        {
            if (item is ScalarNode scalar && parse(scalar) is { } value)
            {
                values.Add(value);
                continue;
            }

            log.Report(item.Origin, PathOf(key), $"{(item is ScalarNode text ? Quote(text.Value) : Kind(item))} does not fit; expected a list of {form}");
        }

        return values;
    }

    /// <summary>The section under a key; null when it is absent or no mapping.</summary>
    public Section? Child(string key, string example)
    {
        switch (Find(key))
        {
            case null:
                return null;
            case MappingNode mapping:
                return new Section(mapping, PathOf(key), log);
            case ScalarNode { Form: ScalarForm.Variable } variable:
                log.Report(variable.Origin, PathOf(key), $"expected keys below it; set {variable.Origin["environment variable ".Length..]}__KEY instead, as for {example}");
                return null;
            case var other:
                log.Report(other.Origin, PathOf(key), $"expected keys below it, such as {example}, but this is {Kind(other)}");
                return null;
        }
    }

    /// <summary>The entries of a mapping whose keys are names, each a section.</summary>
    public IEnumerable<(string Name, Section Section)> NamedSections(string example)
    {
        foreach (var (name, value) in node.Entries)
        {
            if (value is MappingNode mapping)
            {
                yield return (name, new Section(mapping, PathOf(name), log));
            }
            else
            {
                log.Report(value.Origin, PathOf(name), $"expected keys below it, such as {example}, but this is {Kind(value)}");
            }
        }
    }

    /// <summary>The entries of a list of mappings, each a section; null when it is absent or no list.</summary>
    public IEnumerable<Section>? Items(string key, string example)
    {
        switch (Find(key))
        {
            case null:
                return null;
            case ListNode list:
                return list.Items.Select((item, index) =>
                {
                    if (item is MappingNode mapping)
                    {
                        return new Section(mapping, $"{PathOf(key)}[{index}]", log);
                    }

                    log.Report(item.Origin, PathOf(key), $"expected entries such as {example}, but this is {Kind(item)}");
                    return null;
                }).OfType<Section>();
            case var other:
                log.Report(other.Origin, PathOf(key), $"expected a list of entries such as {example}, but this is {Kind(other)}");
                return null;
        }
    }

    /// <summary>The keys that nobody has read, as plain values; those that are none are reported without their content.</summary>
    public IEnumerable<(string Name, ScalarNode Value)> OtherValues()
    {
        foreach (var (name, value) in node.Entries.Where(entry => !_known.Contains(entry.Key)))
        {
            if (value is ScalarNode { Form: not ScalarForm.Absent } scalar)
            {
                yield return (name, scalar);
            }
            else
            {
                log.Report(value.Origin, PathOf(name), $"expected a plain value for the driver, but this is {Kind(value)}");
            }
        }
    }

    /// <summary>Reports a required key that is absent, unless it is there and was reported already.</summary>
    public void Require(string key, object? value, string remedy)
    {
        if (value is null && node.Find(key) is null)
        {
            var slip = KeySuggestion.Nearest(key, node.Entries.Select(entry => entry.Key).Where(name => !_known.Contains(name)));
            log.Report(Origin, PathOf(key), slip is null ? $"the key is missing; {remedy}" : $"the key is missing, is '{slip}' meant to be it? {remedy}");
        }
    }

    /// <summary>Reports keys that no reader asked for.</summary>
    public void Finish()
    {
        foreach (var (name, value) in node.Entries.Where(entry => !_known.Contains(entry.Key)))
        {
            var text = KeySuggestion.Nearest(name, _known) is { } nearest
                ? $"there is no such key; did you mean '{PathOf(nearest)}'?"
                : $"there is no such key; known here: {string.Join(", ", _known)}";
            log.Report(value.Origin, PathOf(name), text);
        }
    }

    private T? ReadValue<T>(string key, string form, Func<ScalarNode, T?> parse)
        where T : struct => (T?)Read(key, form, scalar => (object?)parse(scalar));

    private ConfigurationNode? Find(string key)
    {
        _known.Add(key);
        log.Know(PathOf(key));
        var found = node.Find(key);
        if (found is ScalarNode { Form: ScalarForm.Absent })
        {
            log.Report(found.Origin, PathOf(key), "the key has no value; give it one or remove the line");
            return null;
        }

        if (found is not null)
        {
            log.Place(PathOf(key), found.Origin);
        }

        return found;
    }

    private ScalarNode? FindScalar(string key, string form)
    {
        var found = Find(key);
        if (found is null or ScalarNode)
        {
            return (ScalarNode?)found;
        }

        log.Report(found.Origin, PathOf(key), $"expected {form}, but this is {Kind(found)}");
        return null;
    }

    private string? FullPath(ScalarNode scalar)
    {
        if (scalar.Value.Length == 0 || scalar.Value.Contains('\0'))
        {
            return null;
        }

        if (!Path.IsPathRooted(scalar.Value) && scalar.Form != ScalarForm.Flag)
        {
            return null;
        }

        return Path.TrimEndingDirectorySeparator(Path.GetFullPath(scalar.Value, log.CurrentDirectory));
    }

    private static string Kind(ConfigurationNode value) => value switch
    {
        MappingNode => "keys and values",
        ListNode => "a list",
        ScalarNode { Form: ScalarForm.Absent } => "empty",
        _ => "a single value",
    };

    private static string Quote(string value)
    {
        var shown = new string([.. value.Take(60).Select(letter => char.IsControl(letter) ? '?' : letter)]);
        return value.Length > 60 ? $"'{shown}…'" : $"'{shown}'";
    }
}
