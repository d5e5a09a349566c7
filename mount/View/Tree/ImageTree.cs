using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>
/// The tree of directories, links and images, made from a catalogue.
/// </summary>
/// <remarks>
/// <para>Shape: <c>/by-id/&lt;uuid&gt;</c> are the files; <c>/by-id/&lt;uuid&gt;.&lt;disk_format&gt;</c>,
/// <c>/by-name/&lt;project&gt;/&lt;name&gt;</c>, <c>/by-tag/&lt;tag&gt;/&lt;name&gt;.&lt;uuid8&gt;</c> and <c>/by-hash/&lt;algorithm&gt;/&lt;hash&gt;</c>
/// are links to them. <c>/raw/&lt;uuid&gt;.raw</c> are the disks inside, <c>/metadata/&lt;uuid&gt;.json</c> what is known of an image,
/// <c>/.status</c> how the mount is. Only ids lead to bytes: no text of a user ever chooses a path.</para>
/// <para>Writing: updates come one at a time and are worked off whole. An image that did not change is not touched, so a
/// snapshot costs the kernel's caches only what differs. Order within an update: new nodes, then names, then listings, then
/// the nodes that lost their last name; so whoever finds a name also finds its node.</para>
/// <para>What left the catalogue is remembered for a while under the numbers of earlier servers, below which the kernel may have it open; this tree
/// does not open it any more.</para>
/// <para>Reading: without locks, see <see cref="DirectoryNode"/>.</para>
/// </remarks>
internal sealed class ImageTree
{
    private const ulong RootNumber = 1;

    /// <summary>How long what left is remembered; who reads it within is served on from what is open then.</summary>
    private static readonly TimeSpan s_memory = TimeSpan.FromHours(1);

    private readonly Lock _writer = new();
    private readonly ConcurrentDictionary<ulong, Node> _nodes = new();
    private readonly ConcurrentDictionary<ulong, ImageNode> _inherited = new();
    private readonly ConcurrentDictionary<ulong, (ImageNode Node, DateTimeOffset Since)> _left = new();
    private readonly Dictionary<string, Placement> _images = [];
    private readonly Dictionary<string, LinkDirectory> _projects = [];
    private readonly Dictionary<string, LinkDirectory> _tags = [];
    private readonly DirectoryNode _byId;
    private readonly DirectoryNode _byName;
    private readonly DirectoryNode _byTag;
    private readonly HashDirectories _byHash;
    private readonly DirectoryNode _raw;
    private readonly DirectoryNode _metadata;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Succession _succession;
    private long _totalBytes;
    private int _imageCount;

    internal ImageTree(TimeProvider time, ILogger logger, Succession? succession = null)
    {
        _succession = succession ?? Succession.None;
        _time = time;
        _logger = logger;
        Root = new DirectoryNode(RootNumber, "", parent: null, time.GetUtcNow());
        _nodes[RootNumber] = Root;
        _byId = MakeDirectory(Root, "by-id");
        _byName = MakeDirectory(Root, "by-name");
        _byTag = MakeDirectory(Root, "by-tag");
        _byHash = new HashDirectories(MakeDirectory(Root, "by-hash"), MakeDirectory, MakeLink);
        _raw = MakeDirectory(Root, "raw");
        _metadata = MakeDirectory(Root, "metadata");
        Root.Publish(time.GetUtcNow());
    }

    internal DirectoryNode Root { get; }

    /// <summary>Bytes of all images together.</summary>
    internal long TotalBytes => Interlocked.Read(ref _totalBytes);

    internal int NodeCount => _nodes.Count;

    internal int ImageCount => Volatile.Read(ref _imageCount);

    /// <summary>Adds the page that tells how the mount is.</summary>
    /// <param name="make">Makes the page at each reading.</param>
    internal void AddStatus(Func<byte[]> make)
    {
        lock (_writer)
        {
            Root.Set(".status", MakeText("/.status", make, _time.GetUtcNow(), isLive: true));
            Root.Publish(_time.GetUtcNow());
        }
    }

    internal bool TryGet(ulong number, [NotNullWhen(true)] out Node? node) => _nodes.TryGetValue(number, out node) || (_succession.MayBeInherited(number) && TryInherit(number, out node));

    /// <summary>The kernel does not know a number any more that an earlier server gave out.</summary>
    internal void Forget(ulong number) => _inherited.TryRemove(number, out _);

    /// <summary>Whether the files of an image that left the catalogue are remembered.</summary>
    internal bool Remembers(MountedImage image) => _left.ContainsKey(NodeNumber.OfImage(ImageNode.ContentOf(image), _succession.Generation, static _ => false));

    /// <summary>Remembers the files of an image that left the catalogue before this server saw it. Nothing leads to them but numbers of earlier servers.</summary>
    internal void Remember(MountedImage image)
    {
        lock (_writer)
        {
            string content = ImageNode.ContentOf(image);
            Leave(NewImage(image, content, ImageForm.Stored, image.Size, static _ => false));
            if (image.RawSize is { } size)
            {
                Leave(NewImage(image, RawContent(content, size), ImageForm.Raw, size, static _ => false));
            }
        }
    }

    /// <summary>Makes the tree what an update says.</summary>
    internal TreeChange Apply(CatalogueUpdate update)
    {
        lock (_writer)
        {
            TreeWork work = new(_time.GetUtcNow());
            IEnumerable<string> gone = update.Gone;
            if (update.IsSnapshot)
            {
                HashSet<string> shown = [.. update.Shown.Select(image => image.Id)];
                gone = [.. _images.Keys.Where(id => !shown.Contains(id))];
            }

            foreach (string id in gone)
            {
                RemoveImage(id, work);
            }

            foreach (MountedImage image in update.Shown)
            {
                if (!SafeName.IsImageId(image.Id) || image.Size < 0)
                {
                    ViewLog.ImageUnusable(_logger, SafeName.ForWord(image.Id ?? ""), image.Size);
                    continue;
                }

                ShowImage(image, work);
            }

            Finish(work);
            Volatile.Write(ref _imageCount, _images.Count);
            return work.Change;
        }
    }

    private bool TryInherit(ulong number, [NotNullWhen(true)] out Node? node)
    {
        node = null;
        ulong today = NodeNumber.WithGeneration(number, _succession.Generation);
        if (!_nodes.TryGetValue(today, out Node? own) && _left.TryGetValue(today, out (ImageNode Node, DateTimeOffset Since) left))
        {
            own = left.Node;
        }

        if (own is not ImageNode image)
        {
            return false;
        }

        ImageNode inherited = _inherited.GetOrAdd(number, static (key, origin) => new ImageNode(key, origin), image);
        if (inherited.Own != image)
        {
            // The image went and came again, with the same bytes.
            _inherited[number] = inherited = new ImageNode(number, image);
        }

        node = inherited;
        return true;
    }

    private static (string Project, string[] Tags) DirectoriesOf(MountedImage image) =>
        (SafeName.ForOwner(image.Owner), [.. image.Tags.Select(SafeName.ForWord).Distinct()]);

    private static string? FormatNameOf(MountedImage image) =>
        string.IsNullOrEmpty(image.DiskFormat) ? null : FormatName(image.Id, image.DiskFormat);

    // The format is the backend's word too, so it gets the same treatment; the id leaves it 218 bytes.
    private static string FormatName(string id, string format) => SafeName.ForWord(id + "." + format);

    private static string RawName(string id) => id + ".raw";

    private static string RawContent(string content, long size) => $"{content}/raw/{size}";

    private static string MetadataName(string id) => id + ".json";

    private static (string Algorithm, string Value)? HashOf(MountedImage image) =>
        image.Attributes.TryGetValue("os_hash_value", out string? value) && image.Attributes.TryGetValue("os_hash_algo", out string? algorithm)
        && value.Length != 0 && algorithm.Length != 0
            ? (SafeName.ForWord(algorithm), SafeName.ForWord(value))
            : null;

    private static string TextOf(MountedImage image) => string.IsNullOrEmpty(image.Name) ? image.Id : image.Name;

    private void ShowImage(MountedImage image, TreeWork work)
    {
        string content = ImageNode.ContentOf(image);
        if (!_images.TryGetValue(image.Id, out Placement? placement))
        {
            _images[image.Id] = placement = new Placement(MakeImage(image, content, ImageForm.Stored, image.Size));
            _byId.Set(image.Id, placement.Node);
            work.Dirty.Add(_byId);
            Interlocked.Add(ref _totalBytes, image.Size);
        }
        else if (placement.Node.Content == content)
        {
            // Of what may change without the bytes, the kernel keeps only the time.
            if (placement.Node.Image.UpdatedAt != image.UpdatedAt)
            {
                work.Change.Invalidations.Add(new Invalidation(placement.Node.Number, null));
            }

            placement.Node.Image = image;
        }
        else
        {
            ImageNode old = placement.Node;
            placement.Node = MakeImage(image, content, ImageForm.Stored, image.Size);
            _byId.Set(image.Id, placement.Node);
            work.Drop(_byId, image.Id, old);
            work.Change.Gone.Add(old);
            Interlocked.Add(ref _totalBytes, image.Size - old.Image.Size);
        }

        PlaceFormat(placement, FormatNameOf(image), work);
        PlaceLinks(placement, image, work);
        PlaceRaw(placement, image, work);
        PlaceMetadata(placement, image, work);
        _byHash.Place(image.Id, HashOf(image), image.UpdatedAt, work);
    }

    private void RemoveImage(string id, TreeWork work)
    {
        if (!_images.Remove(id, out Placement? placement))
        {
            return;
        }

        PlaceFormat(placement, null, work);
        PlaceRaw(placement, null, work);
        PlaceMetadata(placement, null, work);
        _byHash.Place(id, null, default, work);
        foreach (PlacedLink link in placement.Links)
        {
            link.Directory.Remove(link);
            work.Touched.Add(link.Directory);
        }

        _byId.Remove(id, placement.Node);
        work.Drop(_byId, id, placement.Node);
        work.Change.Gone.Add(placement.Node);
        Interlocked.Add(ref _totalBytes, -placement.Node.Image.Size);
    }

    private void PlaceFormat(Placement placement, string? name, TreeWork work)
    {
        if (placement.Format?.Name == name)
        {
            return;
        }

        if (placement.Format is { } old)
        {
            _byId.Remove(old.Name, old.Node);
            work.Drop(_byId, old.Name, old.Node);
            placement.Format = null;
        }

        if (name is not null)
        {
            MountedImage image = placement.Node.Image;
            LinkNode node = MakeLink(_byId, name, image.Id, image.Id, image.UpdatedAt);
            _byId.Set(name, node);
            work.Dirty.Add(_byId);
            placement.Format = (name, node);
        }
    }

    private void PlaceRaw(Placement placement, MountedImage? image, TreeWork work)
    {
        string? content = image?.RawSize is { } size ? RawContent(placement.Node.Content, size) : null;
        if (placement.Raw is { } old)
        {
            if (old.Content == content)
            {
                old.Image = image!;
                return;
            }

            _raw.Remove(RawName(old.Image.Id), old);
            work.Drop(_raw, RawName(old.Image.Id), old);
            work.Change.Gone.Add(old);
            placement.Raw = null;
        }

        if (content is not null)
        {
            placement.Raw = MakeImage(image!, content, ImageForm.Raw, image!.RawSize!.Value);
            _raw.Set(RawName(image.Id), placement.Raw);
            work.Dirty.Add(_raw);
        }
    }

    private void PlaceMetadata(Placement placement, MountedImage? image, TreeWork work)
    {
        if (placement.Metadata is { } old)
        {
            if (image is not null && old.Image.UpdatedAt == image.UpdatedAt && old.Image.RawSize == image.RawSize && old.Image.Size == image.Size)
            {
                return;
            }

            _metadata.Remove(MetadataName(old.Image.Id), old.Node);
            work.Drop(_metadata, MetadataName(old.Image.Id), old.Node);
            placement.Metadata = null;
        }

        if (image is not null)
        {
            TextNode node = MakeText($"{_metadata.Path}/{image.Id}/{image.UpdatedAt.UtcTicks}/{image.RawSize}", () => MetadataText.Of(image), image.UpdatedAt, isLive: false);
            _metadata.Set(MetadataName(image.Id), node);
            work.Dirty.Add(_metadata);
            placement.Metadata = (image, node);
        }
    }

    private void PlaceLinks(Placement placement, MountedImage image, TreeWork work)
    {
        string text = TextOf(image);
        (string project, string[] tags) = DirectoriesOf(image);
        List<LinkDirectory> wanted = [GetDirectory(_projects, _byName, project, plainNames: true, work)];
        wanted.AddRange(tags.Select(tag => GetDirectory(_tags, _byTag, tag, plainNames: false, work)));

        // What stays as it is keeps its link: a new tag must not cost the caches the name.
        List<PlacedLink> links = new(wanted.Count);
        foreach (PlacedLink link in placement.Links)
        {
            if (link.Text == text && wanted.Remove(link.Directory))
            {
                links.Add(link);
            }
            else
            {
                link.Directory.Remove(link);
                work.Touched.Add(link.Directory);
            }
        }

        foreach (LinkDirectory directory in wanted)
        {
            PlacedLink link = new(directory, image.Id, text, image.UpdatedAt);
            directory.Add(link);
            work.Touched.Add(directory);
            links.Add(link);
        }

        placement.Links = links;
    }

    private void Finish(TreeWork work)
    {
        foreach (LinkDirectory directory in work.Touched)
        {
            List<(string Name, LinkNode Node)> dropped = [];
            directory.Settle((link, name) => MakeLink(directory.Node, name, link.ImageId, "../../by-id/" + link.ImageId, link.Modified), dropped);
            foreach ((string name, LinkNode node) in dropped)
            {
                work.Drop(directory.Node, name, node);
            }

            if (directory.IsEmpty)
            {
                RemoveDirectory(directory, work);
            }
            else if (directory.Node.IsDirty)
            {
                work.Dirty.Add(directory.Node);
            }
        }

        foreach (DirectoryNode directory in work.Dirty)
        {
            directory.Publish(work.Now);
            work.Change.Invalidations.Add(new Invalidation(directory.Number, null));
        }

        foreach (Node node in work.Dropped)
        {
            _nodes.TryRemove(KeyValuePair.Create(node.Number, node));
        }

        ForgetWhatLeftLongAgo(work.Now);
        foreach (ImageNode node in work.Change.Gone)
        {
            Leave(node);
            work.Change.Invalidations.Add(new Invalidation(node.Number, null));
        }
    }

    private void Leave(ImageNode node)
    {
        node.IsGone = true;
        if (_succession.IsTakenOver)
        {
            _left[node.Number] = (node, _time.GetUtcNow());
        }
    }

    private void ForgetWhatLeftLongAgo(DateTimeOffset now)
    {
        foreach ((ulong number, (_, DateTimeOffset since)) in _left)
        {
            if (since + s_memory < now)
            {
                _left.TryRemove(number, out _);
            }
        }
    }

    private LinkDirectory GetDirectory(Dictionary<string, LinkDirectory> known, DirectoryNode parent, string name, bool plainNames, TreeWork work)
    {
        if (!known.TryGetValue(name, out LinkDirectory? directory))
        {
            known[name] = directory = new LinkDirectory(MakeDirectory(parent, name), plainNames);
            work.Dirty.Add(parent);
        }

        return directory;
    }

    private void RemoveDirectory(LinkDirectory directory, TreeWork work)
    {
        DirectoryNode node = directory.Node;
        _ = (node.Parent == _byName ? _projects : _tags).Remove(node.Name);
        node.Parent!.Remove(node.Name, node);
        work.Dirty.Remove(node);
        work.Drop(node.Parent, node.Name, node);
    }

    private DirectoryNode MakeDirectory(DirectoryNode parent, string name)
    {
        ulong number = NodeNumber.Of(NodeNumber.Directory, parent.Path + "/" + name, _nodes.ContainsKey);
        DirectoryNode node = new(number, name, parent, _time.GetUtcNow());
        _nodes[number] = node;
        parent.Set(name, node);
        return node;
    }

    private LinkNode MakeLink(DirectoryNode parent, string name, string imageId, string target, DateTimeOffset modified)
    {
        // The image is part of the key: the kernel caches targets by node, so a name that moves on needs another node.
        ulong number = NodeNumber.Of(NodeNumber.Link, $"{parent.Path}/{name}\0{imageId}", _nodes.ContainsKey);
        LinkNode node = new(number, Encoding.UTF8.GetBytes(target), modified);
        _nodes[number] = node;
        return node;
    }

    private TextNode MakeText(string key, Func<byte[]> make, DateTimeOffset modified, bool isLive)
    {
        ulong number = NodeNumber.Of(NodeNumber.Text, key, _nodes.ContainsKey);
        TextNode node = new(number, make, modified, isLive);
        _nodes[number] = node;
        return node;
    }

    private ImageNode MakeImage(MountedImage image, string content, ImageForm form, long size)
    {
        ImageNode node = NewImage(image, content, form, size, _nodes.ContainsKey);
        _nodes[node.Number] = node;
        return node;
    }

    private ImageNode NewImage(MountedImage image, string content, ImageForm form, long size, Func<ulong, bool> taken)
    {
        ulong number = NodeNumber.OfImage(content, _succession.Generation, taken);
        ulong inode = NodeNumber.Of(NodeNumber.ImageInode, content, static _ => false);
        return new ImageNode(number, inode, content, form, size, image);
    }

    /// <summary>Where an image stands in the tree.</summary>
    private sealed class Placement(ImageNode node)
    {
        internal ImageNode Node { get; set; } = node;

        internal (string Name, LinkNode Node)? Format { get; set; }

        internal ImageNode? Raw { get; set; }

        internal (MountedImage Image, TextNode Node)? Metadata { get; set; }

        internal List<PlacedLink> Links { get; set; } = [];
    }
}
