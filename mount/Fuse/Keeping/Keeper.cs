using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

// The keeper: the small process with privilege behind mounts that are served by processes without.
//
// It mounts, negotiates, holds the device, registers backing files and unmounts; it never reads a request. Whoever serves a mount has the same device
// (the same open file, not a clone: a request that was read through a clone would die with it). While somebody holds it the connection lives, so:
//
// * A server that dies leaves a mount behind that is merely silent. The next one gets the device, what was negotiated and the registrations, has the kernel
//   send again what was read and not answered, and goes on. Until then readers wait.
// * A keeper that dies leaves the serving to go on. With a descriptor store the next keeper has everything back, and servers attach again by themselves;
//   without one the mount is served as long as its server lives, and the next keeper does not know it.
// * A mount ends when it is unmounted and its last file is closed (the device says so), when nobody serves it for longer than the grace time, or when it is
//   out of the tree of names and its server is gone: then nobody could take over, and readers shall not wait for ever.
//
// * A socket that somebody moved or removed comes back: who serves could not return after a broken connection, and no successor could come.
//
// Invariants: one server per mount at a time, also while its connection is broken or the keeper is replaced: as long as the last server's process runs nobody
// else gets the device; one keeper per socket; a registration is in the record before the server learns its number, hence before an open names it; what
// the record says is in the descriptor store. One lock guards the table and is never held while somebody else is waited for.

/// <summary>Holds mounts for the processes that serve them; see <see cref="KeeperOptions"/>.</summary>
public sealed partial class Keeper : IDisposable
{
    private static readonly TimeSpan s_watchPeriod = TimeSpan.FromSeconds(1);

    private readonly Lock _table = new();
    private readonly Dictionary<string, uint> _mounting = new(StringComparer.Ordinal);
    private readonly List<HeldMount> _held = [];
    private readonly List<KeeperConnection> _connections = [];
    private readonly KeeperOptions _options;
    private readonly ILogger _logger;
    private readonly HashSet<string> _ending = new(StringComparer.Ordinal);
    private readonly Timer _watch;
    private int _isLooking;
    private bool _disposed;

    private Keeper(KeeperOptions options, FileStream claim, Socket listener, ILogger logger)
    {
        _options = options;
        _claim = claim;
        _listener = listener;
        _inode = MountTable.InodeOfSocket(options.Socket) ?? 0;
        _logger = logger;
        foreach (IGrouping<string, SafeFileHandle> stored in options.Store?.Take() ?? Enumerable.Empty<SafeFileHandle>().ToLookup(static _ => ""))
        {
            if (HeldMount.Restore(stored.Key, stored, options.Store!.Stores, logger) is { } held)
            {
                held.UnservedSince = Stopwatch.GetTimestamp();
                _held.Add(held);
                FuseLog.KeeperRestored(logger, held.Mount.MountPoint);
            }
            else
            {
                options.Store?.Remove(stored.Key);
            }
        }

        _watch = new Timer(static keeper => ((Keeper)keeper!).Look(), this, s_watchPeriod, s_watchPeriod);
        BeginToAccept(listener);
    }

    /// <summary>What it holds now.</summary>
    public IReadOnlyList<KeptMountEntry> Mounts
    {
        get
        {
            lock (_table)
            {
                return [.. _held.Select(static held =>
                    new KeptMountEntry(held.Mount.MountPoint, held.User, held.Server?.Peer.Process ?? 0, held.Generation, held.Registrations.Count))];
            }
        }
    }

    internal ILogger Logger => _logger;

    /// <summary>Takes up what the descriptor store holds and listens.</summary>
    /// <exception cref="IOException">It cannot listen there; the message says why.</exception>
    public static Keeper Start(KeeperOptions options, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        FileStream claim = KeeperSocket.Claim(options.Socket);
        Socket? listener = null;
        try
        {
            listener = KeeperSocket.Listen(options.Socket);
            return new Keeper(options, claim, listener, logger);
        }
        catch
        {
            listener?.Dispose();
            claim.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Ends it. With a descriptor store everything stays for the next keeper. Without one, what is served goes on being served, and what nobody serves is
    /// unmounted.
    /// </summary>
    public void Dispose()
    {
        List<KeeperConnection> connections;
        lock (_table)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            connections = [.. _connections];
        }

        _watch.Dispose();
        List<HeldMount> unserved;
        lock (_table)
        {
            _listener.Dispose();
            KeeperSocket.Remove(_options.Socket, _inode);
            unserved = [.. _held.Where(static held => held.Server is null && !held.IsStored)];
        }

        foreach (KeeperConnection connection in connections)
        {
            connection.Close();
        }

        foreach (HeldMount held in unserved)
        {
            _ = held.Mount.Unmount();
            _options.Store?.Remove(held.Name);
        }

        lock (_table)
        {
            foreach (HeldMount held in _held)
            {
                held.Dispose();
            }

            _held.Clear();
        }

        // Last: the next keeper finds nothing half done.
        _claim.Dispose();
    }

    /// <summary>Makes a connection the server of a mount, which is mounted first when it is not held.</summary>
    /// <exception cref="FuseMountException">It is served already, somebody else's, or cannot be mounted.</exception>
    internal (HeldMount Held, bool TakenOver) Attach(KeeperConnection connection, string directory, bool allowOther)
    {
        // Outside the lock: a path can lead through a mount that is silent.
        string path = MountTable.Resolve(directory);
        lock (_table)
        {
            RequireAlive();
            if (Find(path) is { } held && !IsOver(held))
            {
                RequireOwner(held, connection);
                if (held.Server is { } server)
                {
                    throw new FuseMountException($"{path} is served by the process {server.Peer.Process}.", Errno.EBUSY);
                }

                if (held.LastServer.IsAlive && held.LastServer.Id != connection.Peer.Process)
                {
                    throw new FuseMountException($"{path} is served by the process {held.LastServer.Id}, which still runs and comes back, or ends.", Errno.EBUSY);
                }

                Serve(held, connection);
                return (held, TakenOver: true);
            }

            if (_ending.Contains(path))
            {
                throw new FuseMountException($"{path} is being unmounted.", Errno.EBUSY);
            }

            if (_held.Count + _mounting.Count >= KeeperProtocol.MostMounts)
            {
                throw new FuseMountException($"The keeper holds {KeeperProtocol.MostMounts} mounts, which is the most.", Errno.ENFILE);
            }

            uint user = connection.Peer.User;
            if (user != 0 && _held.Count(mount => mount.User == user) + _mounting.Values.Count(other => other == user) >= KeeperProtocol.MostMountsOfUser)
            {
                throw new FuseMountException($"The keeper holds {KeeperProtocol.MostMountsOfUser} mounts for the user with the id {user}, which is the most.", Errno.ENFILE);
            }

            if (!_mounting.TryAdd(path, user))
            {
                throw new FuseMountException($"{path} is being mounted for somebody else.", Errno.EBUSY);
            }
        }

        try
        {
            return (Mount(connection, path, allowOther), TakenOver: false);
        }
        finally
        {
            lock (_table)
            {
                _mounting.Remove(path);
            }
        }
    }

    /// <summary>Makes a connection again the server that it was for an earlier keeper.</summary>
    /// <exception cref="FuseMountException">The mount is not held, or has had another server since; EBUSY while the connection before this one has not ended.</exception>
    internal HeldMount Resume(KeeperConnection connection, string directory, uint generation)
    {
        string path = MountTable.Resolve(directory);
        lock (_table)
        {
            RequireAlive();
            if (_held.FirstOrDefault(held => held.Mount.MountPoint == path && held.Generation == generation) is not { } found)
            {
                throw new FuseMountException($"{path} is not held for this server.", Errno.ENOENT);
            }

            RequireOwner(found, connection);
            if (found.Server is { } server)
            {
                // A server that gave a connection up comes again before that one's thread has noticed.
                throw new FuseMountException($"{path} is served by the process {server.Peer.Process}.", Errno.EBUSY);
            }

            found.Server = connection;
            found.WriteServer(ServingProcess.Of(connection.Peer.Process));
            return found;
        }
    }

    /// <summary>Registers a file, and writes that down.</summary>
    internal Errno Register(HeldMount held, ulong node, SafeFileHandle file, out int id)
    {
        const int AccessMode = 3; // O_ACCMODE: 0 to read, 1 to write, 2 for both
        const int PathOnly = 0x200000; // O_PATH
        id = 0;
        int flags = Libc.FileControl((int)file.DangerousGetHandle(), Libc.GetStatusFlags, 0);
        // The kernel will open the file with our rights whenever the node is opened, so the asker must have been able to read it. A handle
        // on a mere path proves nothing, though some kernels take it.
        if (flags < 0 || (flags & PathOnly) != 0 || (flags & AccessMode) == 1)
        {
            return Errno.EACCES;
        }

        if (MountTable.Probe((int)file.DangerousGetHandle(), out _, out _, out bool isRegular) != Errno.None || !isRegular)
        {
            return Errno.EINVAL;
        }

        if (PseudoFilesystem.Probe((int)file.DangerousGetHandle(), out string? pseudo) != Errno.None || pseudo is not null)
        {
            return Errno.EACCES;
        }

        DeviceBackingRegistrar registrar = new(held.Mount.Device);
        lock (_table)
        {
            if (held.Registrations.Count >= KeeperProtocol.MostRegistrations)
            {
                return Errno.ENFILE;
            }
        }

        Errno error = registrar.Open(file, node, out id);
        if (error == Errno.None)
        {
            lock (_table)
            {
                held.Registrations.Add(new KeptRegistration(node, id));
                held.Write();
            }
        }

        return error;
    }

    internal Errno Unregister(HeldMount held, int id)
    {
        lock (_table)
        {
            if (held.Registrations.RemoveAll(registration => registration.BackingId == id) == 0)
            {
                return Errno.ENOENT;
            }

            held.Write();
        }

        new DeviceBackingRegistrar(held.Mount.Device).Close(id);
        return Errno.None;
    }

    /// <summary>Unmounts what is held; its server goes on with files that are open.</summary>
    /// <exception cref="FuseMountException">It is not held, or somebody else's.</exception>
    internal UnmountOutcome Unmount(KeeperConnection connection, string directory, bool abort)
    {
        HeldMount? held;
        string path = directory.Length == 0 ? "" : MountTable.Resolve(directory);
        lock (_table)
        {
            held = path.Length == 0 ? connection.Mount : Find(path);
            if (held is null || !_held.Contains(held))
            {
                throw new FuseMountException($"No mount is held at {(path.Length == 0 ? "this connection" : path)}.", Errno.ENOENT);
            }

            RequireOwner(held, connection);
        }

        UnmountOutcome outcome = held.Mount.Unmount(force: abort);
        // What is out of the tree of names already ends only through fusectl, where the user it was mounted for may do more than a confined keeper.
        if (abort && outcome == UnmountOutcome.AlreadyGone && !held.Mount.IsDead && !held.Mount.Abort())
        {
            outcome = UnmountOutcome.Failed;
        }

        Watch();
        return outcome;
    }

    /// <summary>A connection is gone, and with it the server of its mount.</summary>
    internal void Leave(KeeperConnection connection)
    {
        lock (_table)
        {
            _connections.Remove(connection);
            if (connection.Mount is { } held && held.Server == connection)
            {
                held.Server = null;
                held.UnservedSince = Stopwatch.GetTimestamp();
                if (!_disposed)
                {
                    FuseLog.KeeperUnserved(_logger, held.Mount.MountPoint, connection.Peer.Process);
                }
            }
        }

        Watch();
    }

    private HeldMount Mount(KeeperConnection connection, string path, bool allowOther)
    {
        FuseMount mount = FuseMount.CreateFor(path, connection.Peer.User, connection.Peer.Group, _options.Mount with { AllowOther = allowOther }, _logger);
        HeldMount? made = null;
        try
        {
            made = HeldMount.Create(mount, connection.Peer.User, _options.Store);
            lock (_table)
            {
                RequireAlive();
                _held.Add(made);
                Serve(made, connection);
                return made;
            }
        }
        catch
        {
            _ = mount.Unmount();
            if (made is not null)
            {
                _options.Store?.Remove(made.Name);
                made.Dispose();
            }

            mount.Dispose();
            throw;
        }
    }

    private static void RequireOwner(HeldMount held, KeeperConnection connection)
    {
        if (connection.Peer.User != 0 && connection.Peer.User != held.User)
        {
            throw new FuseMountException($"{held.Mount.MountPoint} was mounted for the user with the id {held.User}.", Errno.EACCES);
        }
    }

    private static bool IsOver(HeldMount held) => held.Mount.IsDead || held.Mount.IsDetached;

    private HeldMount? Find(string path) => _held.LastOrDefault(held => held.Mount.MountPoint == path);

    private void Serve(HeldMount held, KeeperConnection connection)
    {
        held.Generation++;
        held.WriteServer(ServingProcess.Of(connection.Peer.Process));
        held.Write();
        held.Server = connection;
        FuseLog.KeeperServed(_logger, held.Mount.MountPoint, connection.Peer.Process, held.Generation);
    }

    private void RequireAlive()
    {
        if (_disposed)
        {
            throw new FuseMountException("The keeper is stopping.", Errno.ENOTCONN);
        }
    }

    /// <summary>What is to be looked at from time to time; a look that takes its time is not overtaken by the next one.</summary>
    private void Look()
    {
        if (Interlocked.Exchange(ref _isLooking, 1) != 0)
        {
            return;
        }

        try
        {
            ReturnToPlace();
            Watch();
        }
        finally
        {
            Volatile.Write(ref _isLooking, 0);
        }
    }

    /// <summary>Lets go of mounts that are over.</summary>
    private void Watch()
    {
        List<(HeldMount Mount, bool IsLate)> over = [];
        lock (_table)
        {
            if (_disposed)
            {
                return;
            }

            foreach (HeldMount held in _held)
            {
                bool isUnserved = held.Server is null;
                bool isLate = isUnserved && (!held.CanBeTakenOver || (_options.Grace is { } grace && Stopwatch.GetElapsedTime(held.UnservedSince) >= grace));
                if (held.Mount.IsDead || isLate || (isUnserved && held.Mount.IsDetached))
                {
                    over.Add((held, isLate));
                }
            }

            _held.RemoveAll(held => over.Exists(item => item.Mount == held));
            _ending.UnionWith(over.Select(static item => item.Mount.Mount.MountPoint));
        }

        foreach ((HeldMount held, bool isLate) in over)
        {
            if (isLate && !held.Mount.IsDead)
            {
                FuseLog.KeeperGaveUp(_logger, held.Mount.MountPoint);
            }

            if (!held.Mount.IsDead)
            {
                _ = held.Mount.Unmount();
            }

            // With the last descriptor the connection ends, and readers that wait with it.
            _options.Store?.Remove(held.Name);
            held.Dispose();
            lock (_table)
            {
                _ending.Remove(held.Mount.MountPoint);
            }
        }
    }
}
