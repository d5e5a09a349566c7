using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>
/// A mount point and the device behind it, negotiated and ready to be served. Requests wait in the kernel until a
/// <see cref="FuseSession"/> reads them, so the device may also be handed to another process that serves it.
/// </summary>
/// <remarks>
/// Where the kernel offers it (Linux 6.18), the negotiation happens inside mount(2): a refused one leaves no mount behind.
/// </remarks>
public sealed partial class FuseMount : IDisposable
{
    private const int MostLayers = 16;

    private readonly ILogger _logger;
    private readonly bool _throughFusermount;
    private readonly IDisposable? _watcher;
    private readonly MountLine? _line;

    private FuseMount(string mountPoint, SafeFileHandle device, FuseNegotiation negotiation, bool throughFusermount, IDisposable? watcher, ILogger logger)
        : this(mountPoint, device, negotiation, throughFusermount, watcher, MountTable.Find(mountPoint), logger)
    {
    }

    private FuseMount(string mountPoint, SafeFileHandle device, FuseNegotiation negotiation, bool throughFusermount, IDisposable? watcher, MountLine? line, ILogger logger)
    {
        MountPoint = mountPoint;
        Device = device;
        Negotiation = negotiation;
        _throughFusermount = throughFusermount;
        _watcher = watcher;
        _logger = logger;
        _line = line;
    }

    /// <summary>Absolute path without links.</summary>
    public string MountPoint { get; }

    /// <summary>The device. Owned by this object: closed by <see cref="Dispose"/> once no session uses it.</summary>
    public SafeFileHandle Device { get; }

    /// <summary>What the kernel agreed to.</summary>
    public FuseNegotiation Negotiation { get; }

    /// <summary>Number of the connection, the name of its directory in fusectl; null when the mount table did not show it.</summary>
    public int? Connection => _line?.Minor;

    /// <summary>Whether a process may mount and register backing files itself.</summary>
    public static bool MayMountDirectly => HasSystemAdministration();

    /// <summary>Mounts and negotiates. A dead mount left at the path by an earlier server is removed first.</summary>
    /// <exception cref="FuseMountException">It is not possible; the message names the remedy.</exception>
    public static FuseMount Create(string mountPoint, FuseMountOptions options, ILogger logger)
    {
        ArgumentException.ThrowIfNullOrEmpty(mountPoint);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        Validate(options);
        string path = MountTable.Resolve(mountPoint);
        bool direct = options.Method switch
        {
            FuseMountMethod.Direct => true,
            FuseMountMethod.Fusermount => false,
            _ => HasSystemAdministration(),
        };
        RemoveDeadMount(path, direct, logger);
        Errno error = MountTable.Probe(path, out bool isDirectory);
        if (error != Errno.None || !isDirectory)
        {
            throw new FuseMountException(
                error == Errno.None ? $"{path} is not a directory." : $"The mount point {path} cannot be used ({error}); create the directory first.", error);
        }

        FuseMount mount = direct ? MountDirectly(path, path, options, logger) : MountThroughFusermount(path, options, logger);
        mount.SetReadAhead(options.ReadAheadKib);
        FuseLog.Mounted(logger, path, direct ? "mount(2)" : "fusermount3", mount.Negotiation.Minor, mount.Negotiation.Passthrough);
        return mount;
    }

    /// <summary>Unmounts; a busy mount is detached lazily and its open files go on until they are closed.</summary>
    public UnmountOutcome Unmount() => Unmount(force: false);

    /// <summary>Unmounts.</summary>
    /// <param name="force">Whether the connection ends as well, by umount2(2) alone: that takes no more privilege than to mount. Not through fusermount3.</param>
    internal UnmountOutcome Unmount(bool force)
    {
        // Never unmount what somebody else mounted at the path after us.
        if (MountTable.Find(MountPoint) is not { } now || (_line is { } ours && !ours.SameDevice(now)))
        {
            return UnmountOutcome.AlreadyGone;
        }

        UnmountOutcome outcome = _throughFusermount || _line is null ? Detach(MountPoint, direct: !_throughFusermount, force) : DetachExactly(MountPoint, now.Id, force);
        FuseLog.Unmounted(_logger, MountPoint, outcome);
        return outcome;
    }

    /// <summary>Unmounts what another process serves; a busy mount is detached lazily.</summary>
    /// <param name="mountPoint">Where it is mounted.</param>
    /// <param name="subtype">What it must be: the <see cref="FuseMountOptions.Subtype"/> it was mounted with.</param>
    /// <returns><see cref="UnmountOutcome.AlreadyGone"/> when nothing of that kind is mounted there.</returns>
    public static UnmountOutcome Unmount(string mountPoint, string subtype)
    {
        string path = MountTable.Resolve(mountPoint);
        return MountTable.Find(path) is { } mount && mount.Type == $"fuse.{subtype}" ? Detach(path, HasSystemAdministration()) : UnmountOutcome.AlreadyGone;
    }

    /// <summary>Ends the connection by force: every waiting and later call of clients fails.</summary>
    /// <returns>False when fusectl cannot be reached at /sys/fs/fuse/connections.</returns>
    public bool Abort() => Connection is { } connection && Abort(connection, mayBorrow: !_throughFusermount);

    /// <summary>Ends a connection; the user it was mounted for may, and root.</summary>
    /// <param name="connection">Its number.</param>
    /// <param name="mayBorrow">Whether this process may mount fusectl.</param>
    internal static bool Abort(int connection, bool mayBorrow)
    {
        const string Connections = "/sys/fs/fuse/connections";
        // systemd keeps fusectl mounted; elsewhere it is borrowed for the moment.
        bool borrowed = mayBorrow && MountTable.Find(Connections) is null
            && Libc.Mount("fusectl", Connections, "fusectl", Libc.MountNoSuid | Libc.MountNoDev, "") == 0;
        try
        {
            File.WriteAllText(string.Create(CultureInfo.InvariantCulture, $"{Connections}/{connection}/abort"), "1");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
        finally
        {
            if (borrowed)
            {
                _ = Libc.Unmount(Connections, Libc.UnmountDetach | Libc.UnmountNoFollow);
            }
        }
    }

    /// <summary>Closes the device and the connection to fusermount3. Does not unmount.</summary>
    public void Dispose()
    {
        Device.Dispose();
        _watcher?.Dispose();
    }

    private static UnmountOutcome Detach(string path, bool direct, bool force = false)
    {
        if (!direct)
        {
            return Fusermount.Unmount(path, lazy: false) ? UnmountOutcome.Unmounted
                : Fusermount.Unmount(path, lazy: true) ? UnmountOutcome.Detached
                : UnmountOutcome.Failed;
        }

        if (force)
        {
            return Libc.Unmount(path, Libc.UnmountNoFollow | Libc.UnmountForce | Libc.UnmountDetach) == 0 ? UnmountOutcome.Unmounted : UnmountOutcome.Failed;
        }

        if (Libc.Unmount(path, Libc.UnmountNoFollow) == 0)
        {
            return UnmountOutcome.Unmounted;
        }

        return Libc.Unmount(path, Libc.UnmountNoFollow | Libc.UnmountDetach) == 0 ? UnmountOutcome.Detached : UnmountOutcome.Failed;
    }

    /// <summary>Unmounts one mount and no other, even when somebody moves the directories above it meanwhile.</summary>
    private static UnmountOutcome DetachExactly(string path, int id, bool force = false)
    {
        using SafeFileHandle parent = OpenPlace(Path.GetDirectoryName(path) ?? "/");
        // A mount point cannot be renamed or removed, so what is true of this name now stays true until the unmount.
        string name = $"{NameOf(parent)}/{Path.GetFileName(path)}";
        using (SafeFileHandle place = OpenPlace(name))
        {
            if (parent.IsInvalid || place.IsInvalid || MountTable.IdOf((int)place.DangerousGetHandle()) != id)
            {
                return UnmountOutcome.AlreadyGone;
            }
        }

        return Detach(name, direct: true, force);
    }

    /// <summary>A handle on a place in the tree of names, invalid when there is none; asks the filesystem there nothing.</summary>
    private static SafeFileHandle OpenPlace(string path) => new(Libc.Open(path, Libc.PathCloseOnExec), ownsHandle: true);

    /// <summary>A path that leads to where a handle lies, whatever happens to names.</summary>
    private static string NameOf(SafeFileHandle place) => $"/proc/self/fd/{place.DangerousGetHandle()}";

    private static void RemoveDeadMount(string path, bool direct, ILogger logger)
    {
        // Dead servers may have left several layers.
        for (int layer = 0; layer < MostLayers && MountTable.Find(path) is { IsFuse: true } mount; layer++)
        {
            RequireDead(path, path, mount);
            if (Detach(path, direct) == UnmountOutcome.Failed)
            {
                throw new FuseMountException($"{path} holds a dead {mount.Type} mount that cannot be removed. Run \"umount -l {path}\" as root.", Errno.ENOTCONN);
            }

            FuseLog.DeadMountRemoved(logger, path);
        }
    }

    /// <exception cref="FuseMountException">A live server, or one that does not answer, is behind the mount.</exception>
    private static void RequireDead(string path, string target, MountLine mount)
    {
        Errno error = Errno.None;
        Thread probe = new(() => error = MountTable.Probe(target, out _), 256 * 1024) { IsBackground = true, Name = "fuse-probe" };
        probe.Start();
        if (!probe.Join(TimeSpan.FromSeconds(5)))
        {
            throw new FuseMountException(
                $"{path} holds a {mount.Type} mount whose server does not answer. Stop that server, or write 1 to /sys/fs/fuse/connections/{mount.Minor}/abort and start again.", Errno.ETIMEDOUT);
        }

        if (error is not (Errno.ENOTCONN or Errno.ECONNABORTED))
        {
            throw new FuseMountException($"{path} already holds a live {mount.Type} mount. Unmount it or choose another directory.", Errno.EBUSY);
        }
    }

    private static void Validate(FuseMountOptions options)
    {
        foreach (string? name in (ReadOnlySpan<string?>)[options.FsName, options.Subtype])
        {
            if (name is not null && (name.Length == 0 || name.Any(c => c is ',' or '\\' || char.IsControl(c))))
            {
                throw new ArgumentException("The name and the subtype of a filesystem may not be empty nor hold commas, backslashes or control characters.", nameof(options));
            }
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxReadBytes, Environment.SystemPageSize);
        ArgumentOutOfRangeException.ThrowIfNegative(options.ReadAheadKib);
    }

    private void SetReadAhead(int kib)
    {
        if (kib == 0 || _line is not { } line)
        {
            return;
        }

        try
        {
            File.WriteAllText(
                string.Create(CultureInfo.InvariantCulture, $"/sys/class/bdi/{line.Major}:{line.Minor}/read_ahead_kb"), kib.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            FuseLog.ReadAheadNotSet(_logger, MountPoint, kib, e.Message);
        }
    }

    private static bool HasSystemAdministration()
    {
        const int SystemAdministration = 21; // CAP_SYS_ADMIN
        foreach (string line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith("CapEff:", StringComparison.Ordinal))
            {
                ulong set = ulong.Parse(line.AsSpan("CapEff:".Length).Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                return (set >> SystemAdministration & 1) != 0;
            }
        }

        return false;
    }
}
