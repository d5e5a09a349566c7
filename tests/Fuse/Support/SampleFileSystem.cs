using System.Collections.Concurrent;
using System.Text;

namespace GlanceGateway.Fuse.Tests;

/// <summary>A file, link or directory of <see cref="SampleFileSystem"/>.</summary>
internal sealed class SampleNode
{
    internal required ulong Id { get; set; }

    internal required FileKind Kind { get; init; }

    internal ulong Inode { get; init; }

    internal SampleNode? Parent { get; init; }

    internal string Name { get; init; } = "";

    /// <summary>Place in the parent's listing.</summary>
    internal ulong Cookie { get; init; }

    internal byte[] Content { get; set; } = [];

    internal int Permissions { get; init; } = 0x124; // 0444

    /// <summary>Children by cookie.</summary>
    internal List<SampleNode> Children { get; } = [];

    internal ConcurrentDictionary<string, SampleNode> ByName { get; } = new();

    internal Dictionary<string, byte[]> Xattrs { get; } = [];

    /// <summary>Ranges that hold data; null when all of it does.</summary>
    internal (long Start, long End)[]? Data { get; init; }

    /// <summary>Reads miss and wait for this; null answers at once.</summary>
    internal Task? Gate { get; set; }

    /// <summary>Opens wait for this; null opens at once.</summary>
    internal Task? OpenGate { get; set; }

    /// <summary>Opens name this registration.</summary>
    internal BackingFile? Backing { get; set; }

    internal bool Throws { get; init; }

    /// <summary>Reads go past the page cache.</summary>
    internal bool IsDirect { get; set; }

    internal long Lookups;
    internal long Opens;
    internal long WaitingOpens;
}

/// <summary>The smallest useful filesystem over the library: a tree in memory.</summary>
internal sealed class SampleFileSystem : FuseFileSystem
{
    private readonly ConcurrentDictionary<ulong, SampleNode> _nodes = new();
    private ulong _nextId = 1;
    private ulong _nextCookie = 2; // after "." and ".."

    internal SampleFileSystem() => Root = Register(new SampleNode { Id = 1, Inode = 1, Kind = FileKind.Directory, Permissions = 0x16d }); // 0555

    internal SampleNode Root { get; }

    internal FuseSession? Session { get; private set; }

    internal TimeSpan Validity { get; init; } = TimeSpan.FromHours(1);

    internal Action? OnLookup { get; set; }

    internal SampleNode AddFile(string name, byte[] content, SampleNode? parent = null) =>
        Add(new SampleNode { Id = 0, Kind = FileKind.Regular, Content = content }, name, parent);

    internal SampleNode AddDirectory(string name, SampleNode? parent = null) =>
        Add(new SampleNode { Id = 0, Kind = FileKind.Directory, Permissions = 0x16d }, name, parent);

    /// <summary>Puts a node into the tree under a name; the node given is a template.</summary>
    internal SampleNode Add(SampleNode template, string name, SampleNode? parent = null)
    {
        parent ??= Root;
        ulong id = Interlocked.Increment(ref _nextId);
        SampleNode node = new()
        {
            Id = id,
            Inode = template.Inode == 0 ? id : template.Inode,
            Kind = template.Kind,
            Content = template.Content,
            Permissions = template.Permissions,
            Data = template.Data,
            Gate = template.Gate,
            Throws = template.Throws,
            Name = name,
            Parent = parent,
            Cookie = Interlocked.Increment(ref _nextCookie),
        };
        Register(node);
        lock (parent.Children)
        {
            parent.Children.Add(node);
        }

        parent.ByName[name] = node;
        return node;
    }

    internal static void Remove(SampleNode node)
    {
        lock (node.Parent!.Children)
        {
            node.Parent.Children.Remove(node);
        }

        node.Parent.ByName.TryRemove(node.Name, out _);
    }

    /// <summary>Gives a file another node id with the same inode number, as a change to passthrough does.</summary>
    internal SampleNode Replace(SampleNode node)
    {
        Remove(node);
        return Add(node, node.Name, node.Parent);
    }

    public override void Attach(FuseSession session) => Session = session;

    public override Errno Lookup(in FuseCaller caller, ulong parent, ReadOnlySpan<byte> name, out NodeEntry entry)
    {
        OnLookup?.Invoke();
        entry = default;
        if (!_nodes.TryGetValue(parent, out SampleNode? directory) || !directory.ByName.TryGetValue(Encoding.UTF8.GetString(name), out SampleNode? node))
        {
            return Errno.ENOENT;
        }

        entry = Entry(node);
        Interlocked.Increment(ref node.Lookups);
        return Errno.None;
    }

    public override void Forget(ulong node, ulong lookups)
    {
        if (_nodes.TryGetValue(node, out SampleNode? known))
        {
            Interlocked.Add(ref known.Lookups, -(long)lookups);
        }
    }

    public override Errno GetAttributes(in FuseCaller caller, ulong node, out NodeAttributes attributes, out TimeSpan validity)
    {
        validity = Validity;
        attributes = default;
        if (!_nodes.TryGetValue(node, out SampleNode? known))
        {
            return Errno.ENOENT;
        }

        attributes = Attributes(known);
        return Errno.None;
    }

    public override Errno ReadLink(in FuseCaller caller, ulong node, out ReadOnlyMemory<byte> target)
    {
        target = _nodes[node].Content;
        return Errno.None;
    }

    public override Errno Open(in FuseCaller caller, ulong node, out OpenReply reply)
    {
        SampleNode known = _nodes[node];
        if (known.Throws)
        {
            throw new InvalidOperationException("a defect of the filesystem");
        }

        if (known.OpenGate is { IsCompletedSuccessfully: false })
        {
            Interlocked.Increment(ref known.WaitingOpens);
            reply = OpenReply.Pending;
            return Errno.None;
        }

        reply = Opened(known);
        return Errno.None;
    }

    public override async ValueTask<OpenOutcome> OpenAsync(FuseCaller caller, ulong node, CancellationToken cancellationToken)
    {
        SampleNode known = _nodes[node];
        await (known.OpenGate ?? Task.CompletedTask).WaitAsync(cancellationToken);
        return OpenOutcome.Done(Opened(known));
    }

    public override ReadOutcome TryRead(in ReadRequest request, Span<byte> destination)
    {
        SampleNode node = _nodes[request.Node];
        return node.Gate is { IsCompletedSuccessfully: false } ? ReadOutcome.Pending : Copy(node, request.Offset, destination);
    }

    public override async ValueTask<ReadOutcome> ReadAsync(ReadRequest request, Memory<byte> destination, CancellationToken cancellationToken)
    {
        SampleNode node = _nodes[request.Node];
        await (node.Gate ?? Task.CompletedTask).WaitAsync(cancellationToken);
        return Copy(node, request.Offset, destination.Span);
    }

    public override void Release(ulong node, ulong handle) => Interlocked.Decrement(ref _nodes[node].Opens);

    public override Errno OpenDirectory(in FuseCaller caller, ulong node, out OpenReply reply)
    {
        reply = OpenReply.FreshDirectory(0);
        return Errno.None;
    }

    public override Errno ReadDirectory(in FuseCaller caller, ulong node, ulong handle, ulong cookie, ref DirectoryWriter page)
    {
        SampleNode directory = _nodes[node];
        if ((cookie < 1 && !page.TryAdd("."u8, 1, directory.Inode, FileKind.Directory))
            || (cookie < 2 && !page.TryAdd(".."u8, 2, (directory.Parent ?? directory).Inode, FileKind.Directory)))
        {
            return Errno.None;
        }

        lock (directory.Children)
        {
            int low = 0;
            int high = directory.Children.Count;
            while (low < high)
            {
                int middle = (low + high) / 2;
                (low, high) = directory.Children[middle].Cookie <= cookie ? (middle + 1, high) : (low, middle);
            }

            for (; low < directory.Children.Count; low++)
            {
                SampleNode child = directory.Children[low];
                if (!page.TryAdd(Encoding.UTF8.GetBytes(child.Name), child.Cookie, Entry(child)))
                {
                    break;
                }

                if (page.WithNodes)
                {
                    Interlocked.Increment(ref child.Lookups);
                }
            }
        }

        return Errno.None;
    }

    public override Errno GetStatistics(in FuseCaller caller, ulong node, out FileSystemStatistics statistics)
    {
        statistics = new FileSystemStatistics { TotalBytes = 123 * 4096, Files = _nodes.Count };
        return Errno.None;
    }

    public override Errno GetXattr(in FuseCaller caller, ulong node, ReadOnlySpan<byte> name, out ReadOnlyMemory<byte> value)
    {
        bool found = _nodes[node].Xattrs.TryGetValue(Encoding.UTF8.GetString(name), out byte[]? bytes);
        value = bytes;
        return found ? Errno.None : Errno.ENODATA;
    }

    public override Errno ListXattr(in FuseCaller caller, ulong node, out ReadOnlyMemory<byte> names)
    {
        names = Encoding.UTF8.GetBytes(string.Concat(_nodes[node].Xattrs.Keys.Order().Select(name => name + "\0")));
        return Errno.None;
    }

    public override Errno Seek(in FuseCaller caller, ulong node, ulong handle, long offset, SeekKind kind, out long result)
    {
        SampleNode file = _nodes[node];
        result = 0;
        long size = file.Content.Length;
        if (offset >= size)
        {
            return Errno.ENXIO;
        }

        foreach ((long start, long end) in file.Data ?? [(0, size)])
        {
            if (kind == SeekKind.Data && offset < end)
            {
                result = Math.Max(offset, start);
                return Errno.None;
            }

            if (kind == SeekKind.Hole && offset < end)
            {
                result = offset < start ? offset : end;
                return Errno.None;
            }
        }

        result = offset;
        return kind == SeekKind.Hole ? Errno.None : Errno.ENXIO;
    }

    private static OpenReply Opened(SampleNode node)
    {
        Interlocked.Increment(ref node.Opens);
        return node.Backing is { } backing ? OpenReply.Passthrough(node.Id, backing) : node.IsDirect ? OpenReply.Direct(node.Id) : OpenReply.Cached(node.Id);
    }

    private static ReadOutcome Copy(SampleNode node, long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(node.Content.Length - offset, 0, destination.Length);
        node.Content.AsSpan((int)Math.Min(offset, node.Content.Length), count).CopyTo(destination);
        return ReadOutcome.Done(count);
    }

    private NodeEntry Entry(SampleNode node) =>
        new() { Node = node.Id, Attributes = Attributes(node), EntryValidity = Validity, AttributesValidity = Validity };

    private static NodeAttributes Attributes(SampleNode node) => new()
    {
        Inode = node.Inode,
        Kind = node.Kind,
        Permissions = node.Permissions,
        SizeBytes = node.Content.Length,
        AllocatedBytes = node.Data?.Sum(range => range.End - range.Start) ?? node.Content.Length,
        Modified = DateTimeOffset.FromUnixTimeSeconds(1_600_000_000),
    };

    private SampleNode Register(SampleNode node)
    {
        _nodes[node.Id] = node;
        return node;
    }
}
