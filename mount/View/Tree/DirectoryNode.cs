using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using GlanceGateway.Fuse;

namespace GlanceGateway.View;

/// <summary>A name in a directory.</summary>
/// <param name="Name">UTF-8.</param>
/// <param name="Cookie">Its place in the listing; the same as long as the name stays.</param>
/// <param name="Node">What it names.</param>
internal sealed record DirectoryEntry(byte[] Name, ulong Cookie, Node Node);

/// <summary>
/// A directory: many readers that take no lock, and one writer at a time.
/// </summary>
/// <remarks>
/// Finding a name asks a concurrent table. Listing walks an immutable array in the order of cookies, which the writer
/// replaces as a whole (<see cref="Publish"/>). A cookie is a hash of the name: a walk that comes back with one goes on behind
/// it in whatever array is current then, so a name that stays throughout is met exactly once, and the order survives restarts.
/// </remarks>
internal sealed class DirectoryNode : Node
{
    private readonly ConcurrentDictionary<byte[], DirectoryEntry> _names = new(NameComparer.Instance);
    private readonly ConcurrentDictionary<byte[], DirectoryEntry>.AlternateLookup<ReadOnlySpan<byte>> _lookup;
    private readonly Dictionary<ulong, DirectoryEntry> _byCookie = [];
    private readonly Dictionary<ulong, DirectoryEntry?> _unpublished = [];
    private DirectoryEntry[] _listing = [];
    private int _subdirectories;
    private long _modifiedTicks;

    internal DirectoryNode(ulong number, string name, DirectoryNode? parent, DateTimeOffset now)
        : base(number, number)
    {
        _lookup = _names.GetAlternateLookup<ReadOnlySpan<byte>>();
        _modifiedTicks = now.UtcTicks;
        Name = name;
        Parent = parent;
        Path = parent is null ? "" : parent.Path + "/" + name;
    }

    internal override FileKind Kind => FileKind.Directory;

    internal string Name { get; }

    /// <summary>Null for the root.</summary>
    internal DirectoryNode? Parent { get; }

    /// <summary>From the root, without a slash at its end.</summary>
    internal string Path { get; }

    internal bool IsEmpty => _byCookie.Count == 0;

    internal bool IsDirty => _unpublished.Count != 0;

    /// <summary>Number of links to it: its name, its ".", and the ".." of each directory in it.</summary>
    internal uint Links => 2 + (uint)Volatile.Read(ref _subdirectories);

    internal DateTimeOffset Modified => new(Interlocked.Read(ref _modifiedTicks), TimeSpan.Zero);

    internal bool TryFind(ReadOnlySpan<byte> name, [NotNullWhen(true)] out DirectoryEntry? entry) => _lookup.TryGetValue(name, out entry);

    /// <summary>The entries behind a cookie, in order.</summary>
    internal ReadOnlySpan<DirectoryEntry> ListAfter(ulong cookie)
    {
        DirectoryEntry[] listing = Volatile.Read(ref _listing);
        return listing.AsSpan(IndexFrom(listing, cookie + 1, 0));
    }

    /// <summary>Gives a name to a node, maybe taking it from another. Writer only.</summary>
    internal void Set(string name, Node node)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        _ = _names.TryGetValue(bytes, out DirectoryEntry? old);
        DirectoryEntry entry = new(old?.Name ?? bytes, old?.Cookie ?? NodeNumber.CookieOf(name, _byCookie.ContainsKey), node);
        _names[entry.Name] = entry;
        _byCookie[entry.Cookie] = entry;
        _unpublished[entry.Cookie] = entry;
        CountSubdirectories(node, old?.Node);
    }

    /// <summary>Takes a name from a node, unless it belongs to another by now. Writer only.</summary>
    internal void Remove(string name, Node node)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        if (_names.TryGetValue(bytes, out DirectoryEntry? entry) && entry.Node == node && _names.TryRemove(bytes, out _))
        {
            _byCookie.Remove(entry.Cookie);
            _unpublished[entry.Cookie] = null;
            CountSubdirectories(null, node);
        }
    }

    /// <summary>Shows in listings what was set and removed. Writer only; once per update, for a copy of the array.</summary>
    internal void Publish(DateTimeOffset now)
    {
        ulong[] changed = [.. _unpublished.Keys.Order()];
        DirectoryEntry[] old = _listing;
        DirectoryEntry[] merged = new DirectoryEntry[_byCookie.Count];
        int from = 0;
        int to = 0;
        foreach (ulong cookie in changed)
        {
            int at = IndexFrom(old, cookie, from);
            old.AsSpan(from, at - from).CopyTo(merged.AsSpan(to));
            to += at - from;
            from = at < old.Length && old[at].Cookie == cookie ? at + 1 : at;
            if (_unpublished[cookie] is { } entry)
            {
                merged[to++] = entry;
            }
        }

        old.AsSpan(from).CopyTo(merged.AsSpan(to));
        _unpublished.Clear();
        Volatile.Write(ref _listing, merged);
        Interlocked.Exchange(ref _modifiedTicks, now.UtcTicks);
    }

    /// <summary>Index of the first entry whose cookie is not below one, or the length.</summary>
    private static int IndexFrom(DirectoryEntry[] listing, ulong cookie, int low)
    {
        int high = listing.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = listing[middle].Cookie < cookie ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private void CountSubdirectories(Node? now, Node? before)
    {
        int change = (now is DirectoryNode ? 1 : 0) - (before is DirectoryNode ? 1 : 0);
        Volatile.Write(ref _subdirectories, _subdirectories + change);
    }

    /// <summary>Compares names as bytes; the hash is seeded per process, since users choose the names.</summary>
    private sealed class NameComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        internal static readonly NameComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            HashCode hash = default;
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
