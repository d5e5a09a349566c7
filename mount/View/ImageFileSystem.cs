using System.Text;
using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>
/// Answers the kernel about an <see cref="ImageTree"/> and the bytes of <see cref="OpenImages"/>.
/// </summary>
/// <remarks>
/// <para>Reads go by the number of the node, the handle only says which server of the mount gave it out, and listings are positions by name: so nothing
/// of an open lives here that a successor could not find again. Lookups are not counted: a number always means the same thing, and one the tree does not
/// know any more is answered with ENOENT, unless it is open. Reads and opens of what an earlier server gave out wait for the catalogue.</para>
/// <para>Names and attributes are given to the kernel for an hour; changes are pushed. Names that do not exist are not cached,
/// nor are listings: 10,000 entries take 10 ms from here and 2 ms from the kernel's cache, which is not worth having two
/// orders of entries, the cached one and the live one, meet in one walk.</para>
/// <list type="table">
/// <listheader><term>Error</term><description>When</description></listheader>
/// <item><term>ENOENT</term><description>no such name; the image is gone or forbidden by now, also for an open by /proc/self/fd</description></item>
/// <item><term>EACCES</term><description>the permission bits, checked by the kernel: root and the configured group only, unless world-readable</description></item>
/// <item><term>EROFS</term><description>any change</description></item>
/// <item><term>EIO</term><description>the bytes cannot be had now: every fault of a store, a time-out, fewer bytes than the
/// catalogue says (<see cref="Failure"/>). The next read or open asks anew</description></item>
/// <item><term>EINTR</term><description>the program got a signal while an open waited</description></item>
/// <item><term>ENXIO</term><description>a seek for data or a hole at or behind the end, or for data when none follows</description></item>
/// <item><term>ENODATA</term><description>no such extended attribute</description></item>
/// <item><term>ENOTCONN</term><description>from the kernel: the server is gone</description></item>
/// <item><term>ESTALE</term><description>never: the kernel would try again, and clients fail all the same</description></item>
/// </list>
/// </remarks>
internal sealed partial class ImageFileSystem(ImageTree tree, OpenImages open, ImageMountOptions options, ILogger logger, Succession? before = null) : FuseFileSystem
{
    private readonly Succession _succession = before ?? Succession.None;

    /// <summary>Whether everything is in the tree that the catalogue has, so that waiting for more is vain.</summary>
    internal Func<bool> IsComplete { get; set; } = static () => false;

    /// <summary>Adds to the tree what the source knows of images that are deleted and can still be read.</summary>
    internal Func<CancellationToken, Task> LoadDeletedAsync { get; set; } = static _ => Task.CompletedTask;

    private const ulong CookieOfSelf = 1;
    private const ulong CookieOfParent = 2;

    private readonly int _filePermissions = Convert.ToInt32(options.WorldReadable ? "444" : "440", 8);
    private readonly int _directoryPermissions = Convert.ToInt32(options.WorldReadable ? "555" : "550", 8);
    private readonly int _linkPermissions = Convert.ToInt32("777", 8);

    /// <inheritdoc/>
    public override void Attach(FuseSession session) => open.Session = session;

    /// <inheritdoc/>
    public override Errno Lookup(in FuseCaller caller, ulong parent, ReadOnlySpan<byte> name, out NodeEntry entry)
    {
        entry = default;
        if (!tree.TryGet(parent, out Node? node))
        {
            return Errno.ENOENT;
        }

        if (node is not DirectoryNode directory)
        {
            return Errno.ENOTDIR;
        }

        if (!directory.TryFind(name, out DirectoryEntry? found))
        {
            return Errno.ENOENT;
        }

        entry = EntryOf(found.Node);
        return Errno.None;
    }

    /// <inheritdoc/>
    public override Errno GetAttributes(in FuseCaller caller, ulong node, out NodeAttributes attributes, out TimeSpan validity)
    {
        validity = options.Validity;
        if (tree.TryGet(node, out Node? known))
        {
            attributes = AttributesOf(known);
            return Errno.None;
        }

        if (open.TryGet(node, out OpenImage? image))
        {
            attributes = AttributesOf(image.Node);
            return Errno.None;
        }

        attributes = default;
        return Errno.ENOENT;
    }

    /// <inheritdoc/>
    public override void Forget(ulong node, ulong lookups)
    {
        if (_succession.MayBeInherited(node))
        {
            tree.Forget(node);
            open.Forget(node);
        }
    }

    /// <inheritdoc/>
    public override Errno ReadLink(in FuseCaller caller, ulong node, out ReadOnlyMemory<byte> target)
    {
        target = default;
        if (!tree.TryGet(node, out Node? known))
        {
            return Errno.ENOENT;
        }

        if (known is not LinkNode link)
        {
            return Errno.EINVAL;
        }

        target = link.Target;
        return Errno.None;
    }

    /// <inheritdoc/>
    public override Errno ReadDirectory(in FuseCaller caller, ulong node, ulong handle, ulong cookie, ref DirectoryWriter page)
    {
        if (!tree.TryGet(node, out Node? known))
        {
            return Errno.ENOENT;
        }

        if (known is not DirectoryNode directory)
        {
            return Errno.ENOTDIR;
        }

        if ((cookie < CookieOfSelf && !page.TryAdd("."u8, CookieOfSelf, directory.Inode, FileKind.Directory))
            || (cookie < CookieOfParent && !page.TryAdd(".."u8, CookieOfParent, (directory.Parent ?? directory).Inode, FileKind.Directory)))
        {
            return Errno.None;
        }

        foreach (DirectoryEntry entry in directory.ListAfter(cookie))
        {
            if (!page.TryAdd(entry.Name, entry.Cookie, EntryOf(entry.Node)))
            {
                break;
            }
        }

        return Errno.None;
    }

    /// <inheritdoc/>
    public override Errno GetStatistics(in FuseCaller caller, ulong node, out FileSystemStatistics statistics)
    {
        statistics = new FileSystemStatistics { TotalBytes = tree.TotalBytes, Files = tree.NodeCount };
        return Errno.None;
    }

    /// <inheritdoc/>
    public override Errno GetXattr(in FuseCaller caller, ulong node, ReadOnlySpan<byte> name, out ReadOnlyMemory<byte> value)
    {
        value = default;
        // Each ls -l and cp asks for security.* and system.*, and nothing of it is cached: this is the short way out.
        if (!name.StartsWith(ImageAttributes.Prefix) || ImageOf(node) is not { } image)
        {
            return Errno.ENODATA;
        }

        return ImageAttributes.TryGet(image, name[ImageAttributes.Prefix.Length..], out value) ? Errno.None : Errno.ENODATA;
    }

    /// <inheritdoc/>
    public override Errno ListXattr(in FuseCaller caller, ulong node, out ReadOnlyMemory<byte> names)
    {
        names = ImageOf(node) is { } image ? ImageAttributes.List(image) : default;
        return Errno.None;
    }

    private MountedImage? ImageOf(ulong node) =>
        tree.TryGet(node, out Node? known) ? (known as ImageNode)?.Image
        : open.TryGet(node, out OpenImage? image) ? image.Node.Image
        : null;

    private NodeEntry EntryOf(Node node) => new()
    {
        Node = node.Number,
        Attributes = AttributesOf(node),
        EntryValidity = options.Validity,
        AttributesValidity = options.Validity,
    };

    private NodeAttributes AttributesOf(Node node) => node switch
    {
        ImageNode file => new NodeAttributes
        {
            Inode = file.Inode,
            Kind = file.Kind,
            Permissions = _filePermissions,
            SizeBytes = file.Size,
            AllocatedBytes = file.AllocatedBytes,
            Modified = file.Image.UpdatedAt,
            Links = file.IsGone ? 0u : 1u,
            Uid = options.Uid,
            Gid = options.Gid,
        },
        TextNode text => new NodeAttributes
        {
            Inode = text.Inode,
            Kind = text.Kind,
            Permissions = _filePermissions,
            SizeBytes = text.Size,
            Modified = text.Modified,
            Links = 1,
            Uid = options.Uid,
            Gid = options.Gid,
        },
        LinkNode link => new NodeAttributes
        {
            Inode = link.Inode,
            Kind = link.Kind,
            Permissions = _linkPermissions,
            SizeBytes = link.Target.Length,
            Modified = link.Modified,
            Uid = options.Uid,
            Gid = options.Gid,
        },
        DirectoryNode directory => new NodeAttributes
        {
            Inode = directory.Inode,
            Kind = directory.Kind,
            Permissions = _directoryPermissions,
            Modified = directory.Modified,
            Links = directory.Links,
            Uid = options.Uid,
            Gid = options.Gid,
        },
        _ => throw new InvalidOperationException($"Nodes of type {node.GetType().Name} have no attributes."),
    };
}
