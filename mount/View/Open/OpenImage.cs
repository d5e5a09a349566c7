using GlanceGateway.Abstractions;
using GlanceGateway.Fuse;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.View;

/// <summary>
/// The bytes of an image while somebody has it open: one source, one manner of reading and one count for all of them.
/// </summary>
internal sealed class OpenImage
{
    private readonly Lock _lock = new();
    private readonly ulong _handle;
    private int _handles;
    private bool _closed;
    private long _idleSince;

    /// <param name="node">The image.</param>
    /// <param name="source">Its bytes.</param>
    /// <param name="backing">What the kernel reads from, null when it asks here.</param>
    /// <param name="handle">What the kernel calls every handle of it.</param>
    internal OpenImage(ImageNode node, IByteSource source, BackingFile? backing, ulong handle)
    {
        // Handles of an earlier server are one that nobody can count; it is closed when the kernel forgets the node.
        _handles = node.IsInherited ? 1 : 0;
        _handle = handle;
        Node = node;
        Source = source;
        Size = node.Size;
        Backing = backing;
        File = (source as ILocalFile)?.Handle;
    }

    internal ImageNode Node { get; }

    internal IByteSource Source { get; }

    /// <summary>Bytes of the file.</summary>
    internal long Size { get; }

    /// <summary>The local file, when there is one.</summary>
    internal SafeFileHandle? File { get; }

    /// <summary>
    /// What the kernel reads from. Set for the life of this object or not at all: the kernel fails opens of one node that
    /// differ in manner or in backing file, and this object outlives the last of them.
    /// </summary>
    internal BackingFile? Backing { get; }

    internal OpenReply Reply => Backing is null ? OpenReply.Cached(_handle) : OpenReply.Passthrough(_handle, Backing);

    /// <summary>Counts one more handle.</summary>
    /// <returns>False when it was closed meanwhile: open the image anew.</returns>
    internal bool TryEnter()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return false;
            }

            _handles++;
            return true;
        }
    }

    /// <summary>Counts a handle less.</summary>
    /// <returns>True when it was the last.</returns>
    internal bool Leave(long now)
    {
        lock (_lock)
        {
            _idleSince = now;
            return --_handles == 0;
        }
    }

    /// <summary>Ends it if nobody has it open.</summary>
    /// <param name="idleBefore">Only when the last handle was closed at or before this time stamp.</param>
    internal bool TryClose(long idleBefore)
    {
        lock (_lock)
        {
            if (_closed || _handles > 0 || _idleSince > idleBefore)
            {
                return false;
            }

            _closed = true;
            return true;
        }
    }

    /// <summary>Marks it idle from now, for whoever opened it and may not come.</summary>
    internal void StartIdle(long now)
    {
        lock (_lock)
        {
            _idleSince = now;
        }
    }

    /// <summary>Ends it whoever has it open: the mount is gone.</summary>
    internal bool ForceClose()
    {
        lock (_lock)
        {
            bool first = !_closed;
            _closed = true;
            return first;
        }
    }
}
