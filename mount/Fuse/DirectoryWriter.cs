using System.Runtime.InteropServices;
using System.Runtime.CompilerServices;

namespace GlanceGateway.Fuse;

/// <summary>
/// Takes the entries of one page of a directory. The page ends when an entry no longer fits; the kernel then asks again
/// with the cookie of the last entry that did.
/// </summary>
public ref struct DirectoryWriter
{
    private readonly Span<byte> _page;

    internal DirectoryWriter(Span<byte> page, bool withNodes)
    {
        _page = page;
        WithNodes = withNodes;
    }

    /// <summary>
    /// Whether entries carry nodes (READDIRPLUS). Then each accepted entry with a node other than 0 counts as one lookup.
    /// </summary>
    public bool WithNodes { get; }

    internal int Written { get; private set; }

    internal bool Overflowed { get; private set; }

    /// <summary>Adds an entry without a node: "." and "..", or a name whose attributes are not at hand.</summary>
    /// <param name="name">1 to 255 bytes without '/' and NUL.</param>
    /// <param name="nextCookie">Where the listing goes on after this entry; never 0, and the same for the life of the directory.</param>
    /// <param name="inode">Shown as <c>d_ino</c>; not 0, which tools take for a deleted entry.</param>
    /// <param name="kind">Shown as <c>d_type</c>.</param>
    /// <returns>False when the page is full: stop, this entry is not in it.</returns>
    public bool TryAdd(ReadOnlySpan<byte> name, ulong nextCookie, ulong inode, FileKind kind)
    {
        Span<byte> place = Reserve(name, WithNodes ? Unsafe.SizeOf<EntryOut>() : 0);
        if (place.IsEmpty)
        {
            return false;
        }

        if (WithNodes)
        {
            EntryOut none = default;
            // The kernel makes no node from this, but takes d_type from the head only.
            MemoryMarshal.Write(place, in none);
            place = place[Unsafe.SizeOf<EntryOut>()..];
        }

        WriteHead(place, name, nextCookie, inode, kind);
        return true;
    }

    /// <summary>Adds an entry with its node; the node is dropped when the kernel asked for names only.</summary>
    /// <inheritdoc cref="TryAdd(ReadOnlySpan{byte}, ulong, ulong, FileKind)"/>
    public bool TryAdd(ReadOnlySpan<byte> name, ulong nextCookie, in NodeEntry entry)
    {
        if (!WithNodes)
        {
            return TryAdd(name, nextCookie, entry.Attributes.Inode, entry.Attributes.Kind);
        }

        Span<byte> place = Reserve(name, Unsafe.SizeOf<EntryOut>());
        if (place.IsEmpty)
        {
            return false;
        }

        EntryOut wire = default;
        entry.Write(ref wire);
        MemoryMarshal.Write(place, in wire);
        WriteHead(place[Unsafe.SizeOf<EntryOut>()..], name, nextCookie, entry.Attributes.Inode, entry.Attributes.Kind);
        return true;
    }

    private Span<byte> Reserve(ReadOnlySpan<byte> name, int before)
    {
        if (name.Length is 0 or > Wire.LongestName)
        {
            throw new ArgumentException($"A directory entry needs a name of 1 to {Wire.LongestName} bytes, got {name.Length}.", nameof(name));
        }

        int length = (before + Unsafe.SizeOf<DirEntry>() + name.Length + 7) & ~7;
        if (Overflowed || length > _page.Length - Written)
        {
            // Entries after the first that did not fit are refused too: a shorter one slipping in would skip its predecessor.
            Overflowed = true;
            return [];
        }

        Span<byte> place = _page.Slice(Written, length);
        Written += length;
        return place;
    }

    private static void WriteHead(Span<byte> place, ReadOnlySpan<byte> name, ulong nextCookie, ulong inode, FileKind kind)
    {
        DirEntry head = new() { Inode = inode, NextCookie = nextCookie, NameLength = (uint)name.Length, Kind = (uint)kind };
        MemoryMarshal.Write(place, in head);
        Span<byte> rest = place[Unsafe.SizeOf<DirEntry>()..];
        name.CopyTo(rest);
        rest[name.Length..].Clear();
    }
}
