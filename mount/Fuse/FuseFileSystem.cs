namespace GlanceGateway.Fuse;

/// <summary>
/// A read-only tree served by a <see cref="FuseSession"/>. Node 1 is the root.
/// </summary>
/// <remarks>
/// <para>Every method may be called from several threads at once. All but <see cref="OpenAsync"/> and <see cref="ReadAsync"/> run on the session's few
/// reader threads, inline: they answer from memory or a local disk and never wait for a network, or the whole mount stands
/// still. Nothing in the process that serves a mount may open, stat or map a file of that mount from these methods.</para>
/// <para>Expected failures are returned; an exception becomes EIO and a log line. Spans are valid during the call only.
/// Names are bytes as the kernel gives them, 1 to 255, without '/' and NUL.</para>
/// <para>ENOSYS is remembered by the kernel for the whole connection: answer it only for what will never be supported.</para>
/// </remarks>
public abstract class FuseFileSystem
{
    /// <summary>The session is about to serve its first request: the place to keep it for notifications and backing files.</summary>
    public virtual void Attach(FuseSession session)
    {
    }

    /// <summary>Finds a name in a directory.</summary>
    /// <returns>
    /// <see cref="Errno.None"/> with an entry (or <see cref="NodeEntry.Absent"/>); ENOENT for an unknown name;
    /// ENOTDIR when the parent is no directory.
    /// </returns>
    public abstract Errno Lookup(in FuseCaller caller, ulong parent, ReadOnlySpan<byte> name, out NodeEntry entry);

    /// <summary>The kernel gives back lookups of a node; at a balance of zero it does not know the node any more.</summary>
    public virtual void Forget(ulong node, ulong lookups)
    {
    }

    /// <summary>Attributes of a node the kernel knows.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="node">The node.</param>
    /// <param name="attributes">The answer.</param>
    /// <param name="validity">How long the kernel may believe it.</param>
    public abstract Errno GetAttributes(in FuseCaller caller, ulong node, out NodeAttributes attributes, out TimeSpan validity);

    /// <summary>Target of a symbolic link, without a NUL at its end.</summary>
    public virtual Errno ReadLink(in FuseCaller caller, ulong node, out ReadOnlyMemory<byte> target)
    {
        target = default;
        return Errno.EINVAL;
    }

    /// <summary>
    /// Opens a file for reading; opens for writing were refused before with EROFS. What has to wait answers
    /// <see cref="Errno.None"/> with <see cref="OpenReply.Pending"/>.
    /// </summary>
    public abstract Errno Open(in FuseCaller caller, ulong node, out OpenReply reply);

    /// <summary>Opens what <see cref="Open"/> could not open at once. Runs on the thread pool and may take as long as it needs.</summary>
    /// <param name="caller">Who opens.</param>
    /// <param name="node">The file.</param>
    /// <param name="cancellationToken">Set when the opener was killed or the mount is gone. An open that succeeds all the same is released.</param>
    public virtual ValueTask<OpenOutcome> OpenAsync(FuseCaller caller, ulong node, CancellationToken cancellationToken) =>
        ValueTask.FromResult(OpenOutcome.Failed(Errno.EIO));

    /// <summary>
    /// Reads at once or not at all: fills the destination (native memory that goes to the kernel as it is) from what is at
    /// hand, without allocating, or answers <see cref="ReadOutcome.Pending"/>.
    /// </summary>
    /// <param name="request">What to read.</param>
    /// <param name="destination">Exactly <see cref="ReadRequest.Size"/> bytes, aligned to a page; may hold old bytes.</param>
    /// <returns>
    /// A count shorter than asked for only at the end of the file: the kernel takes it for the end and fills with zeros.
    /// </returns>
    public abstract ReadOutcome TryRead(in ReadRequest request, Span<byte> destination);

    /// <summary>
    /// Reads what <see cref="TryRead"/> did not have at hand. Runs on the thread pool and may take as long as it needs.
    /// </summary>
    /// <param name="request">What to read.</param>
    /// <param name="destination">Exactly <see cref="ReadRequest.Size"/> bytes, valid until the task ends.</param>
    /// <param name="cancellationToken">
    /// Set when the reader was killed or the mount is gone. Most killed readers send no interrupt (page cache and
    /// direct reads are asynchronous in the kernel), so fetches need their own time-outs.
    /// </param>
    public virtual ValueTask<ReadOutcome> ReadAsync(ReadRequest request, Memory<byte> destination, CancellationToken cancellationToken) =>
        ValueTask.FromResult(ReadOutcome.Failed(Errno.EIO));

    /// <summary>The last descriptor of an open is gone. Comes once per successful open.</summary>
    public virtual void Release(ulong node, ulong handle)
    {
    }

    /// <summary>Opens a directory.</summary>
    public virtual Errno OpenDirectory(in FuseCaller caller, ulong node, out OpenReply reply)
    {
        reply = OpenReply.FreshDirectory(0);
        return Errno.None;
    }

    /// <summary>Lists a directory from where the cookie points to, until the page is full or the listing ends.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="node">The directory.</param>
    /// <param name="handle">What the open answered.</param>
    /// <param name="cookie">
    /// 0 for the beginning, else the cookie given with an entry before. It must keep its meaning when names come and go
    /// (a counter per name or a hash, not a position), since programs keep cookies for seekdir(3).
    /// </param>
    /// <param name="page">Takes the entries; add "." and ".." too if programs shall see them. An empty page ends the listing.</param>
    public abstract Errno ReadDirectory(in FuseCaller caller, ulong node, ulong handle, ulong cookie, ref DirectoryWriter page);

    /// <summary>The last descriptor of an open directory is gone.</summary>
    public virtual void ReleaseDirectory(ulong node, ulong handle)
    {
    }

    /// <summary>Size and use of the filesystem.</summary>
    public virtual Errno GetStatistics(in FuseCaller caller, ulong node, out FileSystemStatistics statistics)
    {
        statistics = new FileSystemStatistics();
        return Errno.None;
    }

    /// <summary>
    /// Value of an extended attribute; size probes and short buffers are the session's work. The kernel caches nothing here
    /// and asks for <c>security.*</c> and <c>system.*</c> often: answer ENODATA for these from memory.
    /// </summary>
    /// <returns>ENODATA for an unknown name; ENOSYS when the filesystem has none at all.</returns>
    public virtual Errno GetXattr(in FuseCaller caller, ulong node, ReadOnlySpan<byte> name, out ReadOnlyMemory<byte> value)
    {
        value = default;
        return Errno.ENOSYS;
    }

    /// <summary>Names of the extended attributes of a node, each ended by NUL.</summary>
    public virtual Errno ListXattr(in FuseCaller caller, ulong node, out ReadOnlyMemory<byte> names)
    {
        names = default;
        return Errno.ENOSYS;
    }

    /// <summary>Finds data or a hole. Asked for passthrough opens too.</summary>
    /// <returns>ENXIO at or past the end, or when no data follows; ENOSYS lets the kernel take the file for all data.</returns>
    public virtual Errno Seek(in FuseCaller caller, ulong node, ulong handle, long offset, SeekKind kind, out long result)
    {
        result = 0;
        return Errno.ENOSYS;
    }
}
