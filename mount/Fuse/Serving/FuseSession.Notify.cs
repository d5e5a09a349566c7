namespace GlanceGateway.Fuse;

/// <summary>
/// Notifications: what the kernel shall drop from its caches.
/// </summary>
/// <remarks>
/// The kernel takes the locks of the node or the directory meant, which a request in progress may hold. A notification
/// sent by the thread that owes that request its answer therefore waits for itself. So: never from a method of the
/// filesystem that runs on a reader thread (an exception says so), and never inside
/// <see cref="FuseFileSystem.ReadAsync"/> for the node being read. From any other thread it is safe, and waits at most
/// for requests that others answer.
/// </remarks>
public sealed unsafe partial class FuseSession
{
    [ThreadStatic]
    private static bool t_insideRequest;

    internal static bool InsideRequest
    {
        set => t_insideRequest = value;
    }

    /// <summary>Drops a name, and whatever is below it.</summary>
    /// <param name="parent">The directory.</param>
    /// <param name="name">The name, 1 to 255 bytes.</param>
    /// <param name="expireOnly">Look it up again at the next use instead, so that mounts and watches on it stay.</param>
    /// <returns>None, also when the kernel does not know the name; ENODEV or ENOTCONN when the mount is gone.</returns>
    public Errno InvalidateEntry(ulong parent, ReadOnlySpan<byte> name, bool expireOnly = false)
    {
        bool expire = expireOnly && (Negotiation.Flags & FuseAbilities.HasExpireOnly) != FuseAbilities.None;
        InvalEntryOut head = new() { Parent = parent, NameLength = (uint)name.Length, Flags = expire ? 1u : 0u };
        return NotifyNamed(Wire.NotifyInvalEntry, &head, sizeof(InvalEntryOut), name);
    }

    /// <summary>Drops a name because its node is deleted; watches on it hear of the deletion.</summary>
    /// <returns>As <see cref="InvalidateEntry"/>; ENOTEMPTY or EBUSY when something is mounted below.</returns>
    public Errno DeleteEntry(ulong parent, ulong child, ReadOnlySpan<byte> name)
    {
        DeleteOut head = new() { Parent = parent, Child = child, NameLength = (uint)name.Length };
        return NotifyNamed(Wire.NotifyDelete, &head, sizeof(DeleteOut), name);
    }

    /// <summary>Drops attributes and cached bytes of a node, or the cached listing of a directory.</summary>
    /// <param name="node">The node.</param>
    /// <param name="offset">First byte; negative drops the attributes only.</param>
    /// <param name="length">Number of bytes; 0 or less means to the end.</param>
    /// <returns>As <see cref="InvalidateEntry"/>.</returns>
    public Errno InvalidateNode(ulong node, long offset = 0, long length = 0)
    {
        InvalInodeOut head = new() { Node = node, Offset = offset, Length = length };
        return Notify(Wire.NotifyInvalInode, &head, sizeof(InvalInodeOut), null, 0);
    }

    /// <summary>Makes every cached name stale at once, to be looked up again: after a resynchronisation.</summary>
    /// <returns>ENOSYS before Linux 6.16 (protocol 7.44).</returns>
    public Errno IncrementEpoch() =>
        Negotiation.Minor < Wire.EpochMinor ? Errno.ENOSYS : Notify(Wire.NotifyIncEpoch, null, 0, null, 0);

    private Errno Resend() => Notify(Wire.NotifyResend, null, 0, null, 0);

    private Errno NotifyNamed(uint code, void* head, int headLength, ReadOnlySpan<byte> name)
    {
        if (name.Length is 0 or > Wire.LongestName)
        {
            return Errno.EINVAL;
        }

        byte* terminated = stackalloc byte[Wire.LongestName + 1];
        name.CopyTo(new Span<byte>(terminated, Wire.LongestName));
        terminated[name.Length] = 0;
        return Notify(code, head, headLength, terminated, name.Length + 1);
    }

    private Errno Notify(uint code, void* head, int headLength, void* tail, int tailLength)
    {
        if (t_insideRequest)
        {
            throw new InvalidOperationException("A notification from inside a request can wait for that request forever; send it from another thread.");
        }

        bool held = false;
        try
        {
            _device.DangerousAddRef(ref held);
            Errno error = DeviceWriter.Notify(_descriptor, code, head, headLength, tail, tailLength);
            return error == Errno.ENOENT ? Errno.None : error;
        }
        catch (ObjectDisposedException)
        {
            return Errno.ENODEV;
        }
        finally
        {
            if (held)
            {
                _device.DangerousRelease();
            }
        }
    }
}
