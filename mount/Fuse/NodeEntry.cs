using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>The answer to a lookup: a node, its attributes, and how long the kernel may believe them.</summary>
/// <remarks>
/// Every entry with a node other than 0 that reaches the kernel counts as one lookup, to be given back by
/// <see cref="FuseFileSystem.Forget"/>. Two node ids may share <see cref="NodeAttributes.Inode"/>: that is how a file
/// changes from reads served by the filesystem to passthrough while old opens finish.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
public readonly record struct NodeEntry
{
    /// <summary>Node id, unique in the filesystem while the kernel knows it. 1 is the root; 0 says "no such name".</summary>
    public required ulong Node { get; init; }

    /// <summary>Distinguishes reuses of a node id; 0 when ids are never reused.</summary>
    public ulong Generation { get; init; }

    /// <summary>Attributes of the node.</summary>
    public NodeAttributes Attributes { get; init; }

    /// <summary>How long the name may be believed. Long values need <see cref="FuseSession.InvalidateEntry"/> upon change.</summary>
    public TimeSpan EntryValidity { get; init; }

    /// <summary>How long the attributes may be believed.</summary>
    public TimeSpan AttributesValidity { get; init; }

    /// <summary>An answer "no such name" that the kernel may cache for the given time.</summary>
    public static NodeEntry Absent(TimeSpan validity) => new() { Node = 0, EntryValidity = validity };

    internal void Write(ref EntryOut entry)
    {
        entry = default;
        entry.Node = Node;
        entry.Generation = Generation;
        (entry.EntryValid, entry.EntryValidNanoseconds) = Wire.Split(EntryValidity);
        (entry.AttrValid, entry.AttrValidNanoseconds) = Wire.Split(AttributesValidity);
        if (Node != 0)
        {
            Attributes.Write(ref entry.Attr);
        }
    }
}
