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

/// <summary>What a file of an image shows.</summary>
internal enum ImageForm
{
    /// <summary>The bytes as they are stored.</summary>
    Stored,

    /// <summary>The disk inside, as raw bytes.</summary>
    Raw,
}

/// <summary>The bytes of an image.</summary>
internal sealed class ImageNode(ulong number, ulong inode, string content, ImageForm form, long size, MountedImage image) : Node(number, inode)
{
    private readonly ImageNode? _own;
    private MountedImage _image = image;
    private long _allocatedBytes = -1;
    private volatile bool _gone;

    /// <summary>The same bytes under the number that an earlier server of the mount gave them.</summary>
    internal ImageNode(ulong number, ImageNode own)
        : this(number, own.Inode, own.Content, own.Form, own.Size, own.Image) => _own = own;

    /// <summary>The node under its number of today, when this is one of an earlier server.</summary>
    internal ImageNode? Own => _own;

    /// <summary>Whether the kernel has it from an earlier server, so that nobody knows how often it is open.</summary>
    internal bool IsInherited => _own is not null;

    /// <summary>What makes its bytes what they are. Another content under the same id is another node.</summary>
    internal string Content { get; } = content;

    /// <summary>What it shows.</summary>
    internal ImageForm Form { get; } = form;

    /// <summary>Bytes of the file.</summary>
    internal long Size { get; } = size;

    internal override FileKind Kind => FileKind.Regular;

    /// <summary>The image as it is now.</summary>
    internal MountedImage Image
    {
        get => _own?.Image ?? Volatile.Read(ref _image);
        set => Volatile.Write(ref _image, value);
    }

    /// <summary>Space its bytes take where they are stored, once an open has told; until then what the image takes at most.</summary>
    internal long AllocatedBytes
    {
        get => Volatile.Read(ref _allocatedBytes) is >= 0 and var known ? known : Math.Min(Size, Image.Size);
        set => Volatile.Write(ref _allocatedBytes, value);
    }

    /// <summary>Whether the image has left the catalogue; open files go on.</summary>
    internal bool IsGone
    {
        get => _own?.IsGone ?? _gone;
        set => _gone = value;
    }

    /// <summary>What <see cref="Content"/> is made from.</summary>
    internal static string ContentOf(MountedImage image)
    {
        _ = image.Attributes.TryGetValue("os_hash_value", out string? hash) || image.Attributes.TryGetValue("checksum", out hash);
        return $"{image.Id}/{image.Size}/{hash}";
    }
}

/// <summary>A small text that this process makes.</summary>
/// <param name="number">Of the node.</param>
/// <param name="make">Makes the text.</param>
/// <param name="modified">When what it tells last changed.</param>
/// <param name="isLive">True when every reading makes it anew; its size is then told as 0, as in /proc.</param>
internal sealed class TextNode(ulong number, Func<byte[]> make, DateTimeOffset modified, bool isLive) : Node(number, number)
{
    private byte[]? _text;

    internal override FileKind Kind => FileKind.Regular;

    internal bool IsLive { get; } = isLive;

    internal DateTimeOffset Modified { get; } = modified;

    /// <summary>Bytes, as attributes tell it.</summary>
    internal long Size => IsLive ? 0 : Text(offset: 1).Length;

    /// <summary>The text for a read at that offset: a live one is made anew at its front, so that one reading sees one text.</summary>
    internal byte[] Text(long offset)
    {
        byte[]? text = Volatile.Read(ref _text);
        if (text is null || (IsLive && offset == 0))
        {
            text = make();
            Volatile.Write(ref _text, text);
        }

        return text;
    }
}
