namespace GlanceGateway.View;

/// <summary>
/// <c>by-hash/&lt;algorithm&gt;/&lt;hash&gt;</c>: a link to an image whose bytes have that hash. Where several have it, the link leads to the first by id:
/// any of them is right, and so the same one is shown on every host.
/// </summary>
internal sealed class HashDirectories(
    DirectoryNode root, Func<DirectoryNode, string, DirectoryNode> makeDirectory, Func<DirectoryNode, string, string, string, DateTimeOffset, LinkNode> makeLink)
{
    private readonly Dictionary<string, DirectoryNode> _algorithms = [];
    private readonly Dictionary<(string Algorithm, string Value), Entry> _entries = [];
    private readonly Dictionary<string, (string Algorithm, string Value)> _hashes = [];

    /// <summary>Gives an image its place.</summary>
    /// <param name="id">The image.</param>
    /// <param name="hash">Names made safe; null when it has none, or is gone.</param>
    /// <param name="modified">When the image last changed.</param>
    /// <param name="work">Gathers what changed.</param>
    internal void Place(string id, (string Algorithm, string Value)? hash, DateTimeOffset modified, TreeWork work)
    {
        if (_hashes.TryGetValue(id, out (string Algorithm, string Value) old))
        {
            if (old == hash)
            {
                return;
            }

            _hashes.Remove(id);
            _entries[old].Images.Remove(id);
            Show(old, modified, work);
        }

        if (hash is { } now)
        {
            _hashes[id] = now;
            if (!_entries.TryGetValue(now, out Entry? entry))
            {
                _entries[now] = entry = new Entry();
            }

            entry.Images.Add(id);
            Show(now, modified, work);
        }
    }

    private void Show((string Algorithm, string Value) hash, DateTimeOffset modified, TreeWork work)
    {
        Entry entry = _entries[hash];
        string? first = entry.Images.Min;
        if (entry.Shown?.ImageId == first)
        {
            return;
        }

        LinkNode? old = entry.Shown?.Node;
        if (first is not null)
        {
            if (!_algorithms.TryGetValue(hash.Algorithm, out DirectoryNode? parent))
            {
                _algorithms[hash.Algorithm] = parent = makeDirectory(root, hash.Algorithm);
                work.Dirty.Add(root);
            }

            LinkNode node = makeLink(parent, hash.Value, first, "../../by-id/" + first, modified);
            parent.Set(hash.Value, node);
            work.Dirty.Add(parent);
            entry.Shown = (first, node);
        }

        if (old is not null)
        {
            DirectoryNode parent = _algorithms[hash.Algorithm];
            parent.Remove(hash.Value, old);
            work.Drop(parent, hash.Value, old);
            if (first is null)
            {
                _entries.Remove(hash);
                RemoveIfEmpty(hash.Algorithm, parent, work);
            }
        }
    }

    private void RemoveIfEmpty(string algorithm, DirectoryNode directory, TreeWork work)
    {
        if (directory.IsEmpty)
        {
            _algorithms.Remove(algorithm);
            root.Remove(algorithm, directory);
            work.Dirty.Remove(directory);
            work.Drop(root, algorithm, directory);
        }
    }

    private sealed class Entry
    {
        internal SortedSet<string> Images { get; } = new(StringComparer.Ordinal);

        internal (string ImageId, LinkNode Node)? Shown { get; set; }
    }
}
