using GlanceGateway.Fuse;

namespace GlanceGateway.View;

/// <summary>Something with a number in the tree.</summary>
internal abstract class Node(ulong number, ulong inode)
{
    /// <summary>What the kernel calls it.</summary>
    internal ulong Number { get; } = number;

    /// <summary>What programs see as <c>st_ino</c>.</summary>
    internal ulong Inode { get; } = inode;

    internal abstract FileKind Kind { get; }
}

/// <summary>A symbolic link.</summary>
internal sealed class LinkNode(ulong number, byte[] target, DateTimeOffset modified) : Node(number, number)
{
    internal byte[] Target { get; } = target;

    internal DateTimeOffset Modified { get; } = modified;

    internal override FileKind Kind => FileKind.SymbolicLink;
}

/// <summary>The bytes of an image.</summary>
internal sealed class ImageNode(ulong number, ulong inode, string content, MountedImage image) : Node(number, inode)
{
    private MountedImage _image = image;
    private long _allocatedBytes = -1;
    private volatile bool _gone;

    /// <summary>What makes its bytes what they are. Another content under the same id is another node.</summary>
    internal string Content { get; } = content;

    internal override FileKind Kind => FileKind.Regular;

    /// <summary>The image as it is now.</summary>
    internal MountedImage Image
    {
        get => Volatile.Read(ref _image);
        set => Volatile.Write(ref _image, value);
    }

    /// <summary>Space its bytes take where they are stored, once an open has told; until then the size.</summary>
    internal long AllocatedBytes
    {
        get => Volatile.Read(ref _allocatedBytes) is >= 0 and var known ? known : Image.Size;
        set => Volatile.Write(ref _allocatedBytes, value);
    }

    /// <summary>Whether the image has left the catalogue; open files go on.</summary>
    internal bool IsGone
    {
        get => _gone;
        set => _gone = value;
    }

    /// <summary>What <see cref="Content"/> is made from.</summary>
    internal static string ContentOf(MountedImage image)
    {
        _ = image.Attributes.TryGetValue("os_hash_value", out string? hash) || image.Attributes.TryGetValue("checksum", out hash);
        return $"{image.Id}/{image.Size}/{hash}";
    }
}
