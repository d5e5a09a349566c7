namespace GlanceGateway.Host.Configuration;

/// <summary>A value of the configuration before it is bound, with the place that gave it.</summary>
/// <param name="origin">The file and line, the environment variable or the flag, in words for messages.</param>
internal abstract class ConfigurationNode(string origin)
{
    public string Origin { get; } = origin;
}

/// <summary>How a scalar was written, which decides what it may stand for.</summary>
internal enum ScalarForm
{
    /// <summary>In the file.</summary>
    Plain,

    /// <summary>Nothing after the key, <c>~</c> or <c>null</c> in the file.</summary>
    Absent,

    /// <summary>In an environment variable: commas make it a list.</summary>
    Variable,

    /// <summary>On the command line: commas make it a list, and a relative path is one from the current directory.</summary>
    Flag,
}

internal sealed class ScalarNode(string origin, string value, ScalarForm form) : ConfigurationNode(origin)
{
    public string Value { get; } = value;

    public ScalarForm Form { get; } = form;
}

internal sealed class ListNode(string origin, IReadOnlyList<ConfigurationNode> items) : ConfigurationNode(origin)
{
    public IReadOnlyList<ConfigurationNode> Items { get; } = items;
}

/// <summary>A mapping that keeps the order in which its keys were first written: the order of the stores is theirs.</summary>
internal sealed class MappingNode(string origin) : ConfigurationNode(origin)
{
    private readonly OrderedDictionary<string, ConfigurationNode> _entries = new(StringComparer.Ordinal);

    public IEnumerable<KeyValuePair<string, ConfigurationNode>> Entries => _entries;

    public ConfigurationNode? Find(string key) => _entries.GetValueOrDefault(key);

    /// <summary>False when the key is there already.</summary>
    public bool TryAdd(string key, ConfigurationNode value) => _entries.TryAdd(key, value);

    /// <summary>Puts a value at a path, making the mappings on the way. A later source replaces a scalar or a list as a whole.</summary>
    /// <remarks>Where the path meets a value that is no mapping, the value stays: the binder will refuse it by name.</remarks>
    public void Overlay(ReadOnlySpan<string> path, ConfigurationNode value, Func<MappingNode, string, string> nameOf)
    {
        var mapping = this;
        foreach (var step in path[..^1])
        {
            var key = nameOf(mapping, step);
            if (mapping.Find(key) is null or ScalarNode { Form: ScalarForm.Absent })
            {
                mapping._entries[key] = new MappingNode(value.Origin);
            }

            if (mapping.Find(key) is not MappingNode next)
            {
                return;
            }

            mapping = next;
        }

        mapping._entries[nameOf(mapping, path[^1])] = value;
    }
}
