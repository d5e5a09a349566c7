using System.Globalization;
using System.Text;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// One connection to a cluster, with its pool. It counts its users: the driver while it is the current one, each call, each open image. The
/// last to leave closes it, because librados must not be shut down under an open image.
/// </summary>
internal sealed unsafe class CephCluster
{
    private readonly nint handle;
    private readonly TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int users = 1;
    private int retired;

    private CephCluster(nint handle, nint io)
    {
        this.handle = handle;
        Io = io;
        PoolId = Librados.rados_ioctx_get_id(io);
        InstanceId = Librados.rados_get_instance_id(handle);
        var buffer = stackalloc byte[64];
        var length = CephException.Check(Librados.rados_cluster_fsid(handle, buffer, 64), "The cluster's fsid is not known");
        Fsid = Encoding.ASCII.GetString(buffer, length);
        Features = ReadFeatures();
    }

    /// <summary>The pool's I/O context.</summary>
    public nint Io { get; }

    public string Fsid { get; }

    public long PoolId { get; }

    /// <summary>How the cluster names this client in its lists of watchers.</summary>
    public ulong InstanceId { get; }

    /// <summary>The features of new images.</summary>
    public ulong Features { get; }

    /// <summary>Whether it is of no more use for anything new.</summary>
    public bool IsRetired => Volatile.Read(ref retired) != 0;

    /// <summary>Ends when the connection is closed.</summary>
    public Task Closed => closed.Task;

    /// <summary>Connects; blocks up to the connect time-out.</summary>
    /// <exception cref="StoreException">With the remedy.</exception>
    public static CephCluster Connect(RbdSettings settings)
    {
        if (Librados.rados_create(out var handle, settings.User) is var created and < 0)
            throw new StoreException(StoreError.Unexpected, $"librados could not be started: {Errno.Describe(-created)}.");
        nint io = 0;
        try
        {
            Configure(handle, settings);
            if (Librados.rados_connect(handle) is var connected and < 0)
                throw NotConnected(-connected, settings);
            if (Librados.rados_ioctx_create(handle, settings.Pool, out io) is var opened and < 0)
            {
                throw -opened == Errno.ENOENT
                    ? new StoreException(StoreError.Misconfigured, $"pool '{settings.Pool}' does not exist. Make it with 'ceph osd pool create {settings.Pool}' and 'rbd pool init {settings.Pool}'.")
                    : new StoreException(Errno.KindOf(-opened), $"The pool '{settings.Pool}' could not be opened: {Errno.Describe(-opened)}.");
            }

            Librados.rados_set_pool_full_try(io);
            return new CephCluster(handle, io);
        }
        catch
        {
            if (io != 0)
                Librados.rados_ioctx_destroy(io);
            Librados.rados_shutdown(handle);
            throw;
        }
    }

    /// <summary>Counts one more user.</summary>
    /// <returns>False when it is already closed.</returns>
    public bool TryEnter()
    {
        while (Volatile.Read(ref users) is > 0 and var now)
        {
            if (Interlocked.CompareExchange(ref users, now + 1, now) == now)
                return true;
        }

        return false;
    }

    /// <summary>Ends what <see cref="TryEnter"/> counted. The last one closes the connection in a thread of its own.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref users) == 0)
            _ = Task.Factory.StartNew(Close, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Lets nothing new begin on it.</summary>
    public void Retire()
    {
        if (Interlocked.Exchange(ref retired, 1) == 0)
            Leave();
    }

    /// <summary>Retires the connection when an error says that it is dead or may be: a new one is cheap, and reads ceph.conf again.</summary>
    public void Judge(int error)
    {
        if (Errno.IsDeadConnection(error) || error == Errno.ETIMEDOUT)
            Retire();
    }

    /// <summary>Whether the pool is still there under its name: else every image in it would look deleted.</summary>
    public bool HasPool(string pool) => Librados.rados_pool_lookup(handle, pool) == PoolId;

    /// <summary>Asks a monitor. Blocks.</summary>
    public byte[] Ask(string command)
    {
        var text = Encoding.UTF8.GetBytes(command + '\0');
        fixed (byte* pinned = text)
        {
            var commands = pinned;
            var result = Librados.rados_mon_command(handle, &commands, 1, null, 0, out var output, out var length, out var status, out _);
            try
            {
                CephException.Check(result, "The monitor refused the question");
                return new ReadOnlySpan<byte>((void*)output, (int)length).ToArray();
            }
            finally
            {
                if (output != 0)
                    Librados.rados_buffer_free(output);
                if (status != 0)
                    Librados.rados_buffer_free(status);
            }
        }
    }

    private static void Configure(nint handle, RbdSettings settings)
    {
        if (Librados.rados_conf_read_file(handle, settings.CephConf) is var read and < 0)
        {
            throw new StoreException(
                StoreError.Misconfigured,
                settings.CephConf is null
                    ? $"there is no ceph.conf where Ceph looks for it ({Errno.Describe(-read)}); set ceph_conf."
                    : $"ceph_conf '{settings.CephConf}' cannot be read: {Errno.Describe(-read)}.");
        }

        // Expected outcomes, as an image in use, would be errors on our standard error. Who wants the libraries' log sets log_file in ceph.conf.
        Set("log_to_stderr", "false");
        Set("err_to_stderr", "false");

        // With librbd's cache every open image may take 32 MiB, and a write would be acknowledged before it is stored.
        Set("rbd_cache", "false");
        Set("client_mount_timeout", Seconds(settings.ConnectTimeout));
        Set("rados_mon_op_timeout", Seconds(settings.OperationTimeout));
        Set("rados_osd_op_timeout", Seconds(settings.OperationTimeout));
        if (settings.Keyring is not null)
            Set("keyring", settings.Keyring);

        void Set(string option, string value) => CephException.Check(Librados.rados_conf_set(handle, option, value), $"The setting {option} could not be made");
    }

    private static string Seconds(TimeSpan time) => Math.Max(1, (long)Math.Ceiling(time.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

    private static StoreException NotConnected(int error, RbdSettings settings)
    {
        var user = $"client.{settings.User ?? "admin"}";
        return error switch
        {
            Errno.ETIMEDOUT => new StoreException(StoreError.TimedOut, $"No monitor answered within {settings.ConnectTimeout.TotalSeconds:0.#} s; look at mon_host in ceph.conf and at the network."),
            Errno.EACCES or Errno.EPERM => new StoreException(StoreError.Misconfigured, $"The cluster refuses the key of {user}; look at user and keyring."),
            Errno.ENOENT => new StoreException(StoreError.Misconfigured, $"The cluster does not know {user}, or there is no keyring for it; look at user and keyring."),
            Errno.EINVAL => new StoreException(StoreError.Misconfigured, $"There is no usable key of {user} or no mon_host; look at ceph_conf and keyring."),
            _ => new StoreException(StoreError.Unavailable, $"The cluster cannot be reached: {Errno.Describe(error)}."),
        };
    }

    // As upstream: what ceph.conf says, or layering alone, which clones need.
    private ulong ReadFeatures()
    {
        var buffer = stackalloc byte[256];
        if (Librados.rados_conf_get(handle, "rbd_default_features", buffer, 256) < 0)
            return Librbd.FeatureLayering;
        var text = Encoding.ASCII.GetString(new ReadOnlySpan<byte>(buffer, 256)).Split('\0')[0];
        return ulong.TryParse(text, CultureInfo.InvariantCulture, out var features) && features != 0 ? features : Librbd.FeatureLayering;
    }

    private void Close()
    {
        Librados.rados_ioctx_destroy(Io);
        Librados.rados_shutdown(handle);
        closed.SetResult();
    }
}
