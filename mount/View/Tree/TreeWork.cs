using System.Text;

namespace GlanceGateway.View;

/// <summary>What one update of the tree gathers.</summary>
internal sealed class TreeWork(DateTimeOffset now)
{
    internal DateTimeOffset Now { get; } = now;

    /// <summary>Directories of links in which names may have to change.</summary>
    internal HashSet<LinkDirectory> Touched { get; } = [];

    /// <summary>Directories whose listings have to be made anew.</summary>
    internal HashSet<DirectoryNode> Dirty { get; } = [];

    /// <summary>Nodes that lost their name.</summary>
    internal List<Node> Dropped { get; } = [];

    internal TreeChange Change { get; } = new([], []);

    /// <summary>A name went away from a node.</summary>
    internal void Drop(DirectoryNode parent, string name, Node node)
    {
        Dirty.Add(parent);
        Dropped.Add(node);
        Change.Invalidations.Add(new Invalidation(parent.Number, Encoding.UTF8.GetBytes(name)));
    }
}
