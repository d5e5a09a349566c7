using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// An image open in librbd. It counts its users, the owner and each operation in flight, and keeps its cluster connected. The last to leave
/// closes it.
/// </summary>
internal sealed class RbdImage
{
    private int users = 1;
    private int left;

    private RbdImage(CephCluster cluster, nint handle)
    {
        Cluster = cluster;
        Handle = handle;
    }

    public CephCluster Cluster { get; }

    public nint Handle { get; }

    /// <summary>Opens an image for writing. The cluster will list us among its watchers: nobody can remove it meanwhile. Blocks.</summary>
    /// <returns>0 or a negative errno.</returns>
    public static int TryOpen(CephCluster cluster, string name, out RbdImage? image)
    {
        CallPulse.Beat();
        var result = Librbd.rbd_open(cluster.Io, name, out var handle, snapshot: null);
        image = result < 0 ? null : Wrap(cluster, handle);
        return result;
    }

    /// <summary>Opens an image for reading, without a watch: it can be removed meanwhile. Blocks.</summary>
    /// <returns>0 or a negative errno.</returns>
    public static int TryOpenReadOnly(CephCluster cluster, string name, string? snapshot, out RbdImage? image)
    {
        CallPulse.Beat();
        var result = Librbd.rbd_open_read_only(cluster.Io, name, out var handle, snapshot);
        image = result < 0 ? null : Wrap(cluster, handle);
        return result;
    }

    /// <summary>Reads; the result is the bytes read, or a negative errno. The buffer stays pinned until the task has ended.</summary>
    public async Task<int> ReadAsync(long offset, nint buffer, int length)
    {
        if (!TryEnter())
            return -Errno.ENOTCONN;
        try
        {
            return await Completion.ReadAsync(Handle, offset, buffer, length);
        }
        finally
        {
            Leave(mayBlock: false);
        }
    }

    /// <summary>Writes; the result is 0 or a negative errno. The buffer stays as it is until the task has ended.</summary>
    public async Task<int> WriteAsync(long offset, nint buffer, int length)
    {
        if (!TryEnter())
            return -Errno.ENOTCONN;
        try
        {
            return await Completion.WriteAsync(Handle, offset, buffer, length);
        }
        finally
        {
            Leave(mayBlock: false);
        }
    }

    /// <summary>Counts one more operation.</summary>
    /// <returns>False when the image is closed.</returns>
    public bool TryEnter()
    {
        while (Volatile.Read(ref users) is > 0 and var now)
        {
            if (Interlocked.CompareExchange(ref users, now + 1, now) == now)
                return true;
        }

        return false;
    }

    /// <summary>Ends what <see cref="TryEnter"/> counted.</summary>
    public void Leave(bool mayBlock)
    {
        if (Interlocked.Decrement(ref users) > 0)
            return;
        if (mayBlock)
            CloseHandle();
        else
            _ = Task.Factory.StartNew(CloseHandle, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>The owner has no more use for it: closes it now, or when the last operation ends. Repeatable.</summary>
    /// <param name="mayBlock">Whether this thread may do the closing, which takes a round trip or two.</param>
    public void Close(bool mayBlock)
    {
        if (Interlocked.Exchange(ref left, 1) == 0)
            Leave(mayBlock);
    }

    private static RbdImage Wrap(CephCluster cluster, nint handle)
    {
        // The caller is a user of the cluster, so it cannot be closed here.
        cluster.TryEnter();
        return new RbdImage(cluster, handle);
    }

    private void CloseHandle()
    {
        // It fails only where nothing is left to do: the watch of a client that was shut out is gone already.
        _ = Librbd.rbd_close(Handle);
        Cluster.Leave();
    }
}
