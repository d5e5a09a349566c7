namespace GlanceGateway.View;

/// <summary>A link to an image in a <see cref="LinkDirectory"/>.</summary>
internal sealed class PlacedLink(LinkDirectory directory, string imageId, string text, DateTimeOffset modified)
{
    internal LinkDirectory Directory { get; } = directory;

    internal string ImageId { get; } = imageId;

    internal DateTimeOffset Modified { get; } = modified;

    /// <summary>The text its names are made from.</summary>
    internal string Text { get; } = text;

    internal string Plain { get; } = SafeName.Plain(text);

    internal string Short { get; } = SafeName.WithSuffix(text, directory.Separator, imageId[..8]);

    internal string Long => SafeName.WithSuffix(Text, Directory.Separator, ImageId);

    /// <summary>The name it has now, and its node; null before it was first shown.</summary>
    internal string? Shown { get; set; }

    internal LinkNode? Node { get; set; }
}

/// <summary>
/// A directory of links to images, named after them, and the rule for names that clash.
/// </summary>
/// <remarks>
/// <para>The rule. In a directory by name, an image has its plain name if no other image there has the same; all that share
/// one get <c>~</c> and the first 8 digits of their id instead, and in the unlikely case that this too is shared, the whole
/// id. In a directory by tag every link carries <c>.</c> and the 8 digits, or the whole id.</para>
/// <para>Why all of them. The names are then a function of the images that exist, not of the order they came in: every host
/// shows the same, also after a restart. And a name never changes its target because an image arrived: a clash makes the
/// plain name go away, which a program notices, instead of pointing elsewhere, which it would not. A plain name moves to
/// another image only when the one it named is gone, renamed or hidden, and then by way of a name that never meant two.</para>
/// <para>No two links share a name: plain names never end in <c>~</c> with 8 digits or a UUID (<see cref="SafeName"/>), short
/// ones have the separator 9 bytes before the end, where long ones have a digit, and ids are unique.</para>
/// </remarks>
internal sealed class LinkDirectory(DirectoryNode node, bool plainNames)
{
    private readonly Dictionary<string, List<PlacedLink>> _byPlain = [];
    private readonly Dictionary<string, List<PlacedLink>> _byShort = [];
    private readonly HashSet<string> _touchedPlain = [];
    private readonly HashSet<string> _touchedShort = [];
    private readonly List<PlacedLink> _removed = [];

    internal DirectoryNode Node { get; } = node;

    internal char Separator { get; } = plainNames ? '~' : '.';

    internal bool IsEmpty => _byShort.Count == 0;

    internal void Add(PlacedLink link)
    {
        Join(_byPlain, link.Plain, link);
        Join(_byShort, link.Short, link);
        Touch(link);
    }

    internal void Remove(PlacedLink link)
    {
        Leave(_byPlain, link.Plain, link);
        Leave(_byShort, link.Short, link);
        Touch(link);
        _removed.Add(link);
    }

    /// <summary>Gives every link touched since the last time the name the rule asks for.</summary>
    /// <param name="makeNode">Makes the node of a link for a name.</param>
    /// <param name="dropped">Gets the names that went away or changed hands, with the node that had them.</param>
    internal void Settle(Func<PlacedLink, string, LinkNode> makeNode, List<(string Name, LinkNode Node)> dropped)
    {
        HashSet<PlacedLink> touched = [];
        Collect(_byPlain, _touchedPlain, touched);
        Collect(_byShort, _touchedShort, touched);
        List<(PlacedLink Link, string Name)> renamed = [];
        foreach (PlacedLink link in touched)
        {
            string name = NameOf(link);
            if (name != link.Shown)
            {
                renamed.Add((link, name));
            }
        }

        foreach (PlacedLink link in renamed.Select(change => change.Link).Concat(_removed))
        {
            if (link is { Shown: { } shown, Node: { } node })
            {
                dropped.Add((shown, node));
            }
        }

        // New names first: one that changes hands is then never missing in between.
        foreach ((PlacedLink link, string name) in renamed)
        {
            link.Shown = name;
            link.Node = makeNode(link, name);
            Node.Set(name, link.Node);
        }

        foreach ((string name, LinkNode node) in dropped)
        {
            Node.Remove(name, node);
        }

        _removed.Clear();
        _touchedPlain.Clear();
        _touchedShort.Clear();
    }

    private static void Collect(Dictionary<string, List<PlacedLink>> groups, HashSet<string> names, HashSet<PlacedLink> links)
    {
        foreach (string name in names)
        {
            if (groups.TryGetValue(name, out List<PlacedLink>? group))
            {
                links.UnionWith(group);
            }
        }
    }

    private static void Join(Dictionary<string, List<PlacedLink>> groups, string name, PlacedLink link)
    {
        if (!groups.TryGetValue(name, out List<PlacedLink>? group))
        {
            groups[name] = group = new List<PlacedLink>(1);
        }

        group.Add(link);
    }

    private static void Leave(Dictionary<string, List<PlacedLink>> groups, string name, PlacedLink link)
    {
        List<PlacedLink> group = groups[name];
        group.Remove(link);
        if (group.Count == 0)
        {
            groups.Remove(name);
        }
    }

    private string NameOf(PlacedLink link) =>
        plainNames && _byPlain[link.Plain].Count == 1 ? link.Plain
        : _byShort[link.Short].Count == 1 ? link.Short
        : link.Long;

    private void Touch(PlacedLink link)
    {
        _touchedPlain.Add(link.Plain);
        _touchedShort.Add(link.Short);
    }
}
