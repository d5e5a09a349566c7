using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>A mount that a keeper holds, from the side of the process that serves it.</summary>
/// <remarks>
/// The connection stays open as long as this process serves: its end tells the keeper that a successor may come. Should the keeper go away, serving goes
/// on, and a thread knocks until there is one again; registrations fail meanwhile, so opens are served by copying.
/// </remarks>
public sealed class KeptMount : IBackingRegistrar, IDisposable
{
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(250);

    // Links of mounts that were left. They close when the process has ended, not when a collection finds them: until then its threads may still
    // read from the device, and nobody else may.
    private static readonly List<KeeperLink> s_untilExit = [];

    private readonly Lock _lock = new();
    private readonly string _socket;
    private readonly ILogger _logger;
    private readonly bool _canBeTakenOver;
    private volatile bool _isStored;
    private readonly MountLine? _line;
    // What was given back while there was no keeper, or its answer did not come. Sent before anything is registered again, so no number can be in use anew.
    private readonly List<int> _givenBack = [];

    private KeeperLink? _link;
    private bool _ended;
    private volatile bool _forgotten;

    private KeptMount(string socket, KeeperLink link, ref KeeperReader answer, SafeFileHandle device, ILogger logger)
    {
        _socket = socket;
        _link = link;
        _logger = logger;
        Device = device;
        MountPoint = answer.Text();
        Generation = answer.U32();
        byte flags = answer.U8();
        IsTakenOver = (flags & KeeperProtocol.TakenOver) != 0;
        _canBeTakenOver = (flags & KeeperProtocol.Kept) != 0;
        _isStored = (flags & KeeperProtocol.Stored) != 0;
        _line = MountTable.Find(MountPoint);
        SeesKeeper = UnixMessages.PeerOf(link.Socket).Process > 0;
        (FuseNegotiation negotiation, List<KeptRegistration> registrations) = HeldMount.ReadState(ref answer);
        Negotiation = negotiation;
        Registrations = registrations;
    }

    /// <summary>Absolute path without links.</summary>
    public string MountPoint { get; }

    /// <summary>The device. Owned by this object.</summary>
    public SafeFileHandle Device { get; }

    /// <summary>What the kernel agreed to, once for the life of the mount.</summary>
    public FuseNegotiation Negotiation { get; }

    /// <summary>The how manieth server of the mount this is, from 1.</summary>
    public uint Generation { get; }

    /// <summary>Whether the keeper, who mounted, is in a pid namespace that this process sees: then it also sees who reads.</summary>
    public bool SeesKeeper { get; }

    /// <summary>Whether there was a server before, some of whose files may be open.</summary>
    public bool IsTakenOver { get; }

    /// <summary>What earlier servers registered and did not give back, in the order in which they did: for a node that comes twice the last one counts.</summary>
    public IReadOnlyList<KeptRegistration> Registrations { get; }

    /// <summary>Whether somebody holds the device for a successor, and the kernel can do its part (Linux 6.9).</summary>
    public bool IsKept => _canBeTakenOver && !_forgotten && (_isStored || Volatile.Read(ref _link) is not null);

    /// <summary>Takes a mount over from a server that is gone, or has the keeper mount.</summary>
    /// <param name="socket">Where the keeper listens.</param>
    /// <param name="directory">The mount point, an absolute path; a directory that belongs to this user.</param>
    /// <param name="allowOther">Whether other users may look, if it has to be mounted.</param>
    /// <param name="patience">How long to wait for a keeper that is not there yet, or a server that is not gone yet.</param>
    /// <param name="logger">Gets failures.</param>
    /// <exception cref="FuseMountException">It cannot be had; the message says why.</exception>
    public static KeptMount Attach(string socket, string directory, bool allowOther, TimeSpan patience, ILogger logger)
    {
        long begun = System.Diagnostics.Stopwatch.GetTimestamp();
        while (true)
        {
            KeeperLink? link = null;
            try
            {
                link = KeeperLink.Connect(socket);
                KeeperWriter question = KeeperWriter.Question(KeeperOperation.Attach).U8(allowOther ? KeeperProtocol.AllowOther : (byte)0).U32(0).Text(directory);
                KeeperReader answer = link.Ask(question, null, out SafeFileHandle? device);
                KeptMount mount = new(socket, link, ref answer, device ?? throw new FuseMountException("The keeper gave no device.", Errno.EPROTO), logger);
                if (!answer.IsWhole)
                {
                    mount.Device.Dispose();
                    throw new FuseMountException("The keeper's answer is not of this version.", Errno.EPROTO);
                }

                FuseLog.KeptAttached(logger, mount.MountPoint, mount.Generation, mount.Negotiation.Minor, mount.Negotiation.Passthrough);
                new Thread(mount.Watch, 256 * 1024) { IsBackground = true, Name = "keeper-watch" }.Start();
                return mount;
            }
            catch (FuseMountException e) when (e.Error is Errno.EBUSY or Errno.ENOTCONN && System.Diagnostics.Stopwatch.GetElapsedTime(begun) < patience)
            {
                link?.Dispose();
                Thread.Sleep(s_retry);
            }
            catch
            {
                link?.Dispose();
                throw;
            }
        }
    }

    /// <summary>Has a keeper unmount; a busy mount is detached lazily.</summary>
    /// <exception cref="FuseMountException">The keeper does not hold it, or not for this user.</exception>
    public static UnmountOutcome Unmount(string socket, string directory)
    {
        using KeeperLink link = KeeperLink.Connect(socket);
        KeeperReader answer = link.Ask(KeeperWriter.Question(KeeperOperation.Unmount).U8(0).Text(directory), null, out _);
        return (UnmountOutcome)answer.U8();
    }

    /// <summary>What a keeper holds for this user; for root, everything.</summary>
    /// <exception cref="FuseMountException">There is no keeper, or it does not know this user.</exception>
    public static IReadOnlyList<KeptMountEntry> List(string socket)
    {
        using KeeperLink link = KeeperLink.Connect(socket);
        KeeperReader answer = link.Ask(KeeperWriter.Question(KeeperOperation.List), null, out _);
        List<KeptMountEntry> entries = [];
        for (uint count = answer.U32(); count > 0 && !answer.HasFailed; count--)
        {
            entries.Add(new KeptMountEntry(answer.Text(), answer.U32(), (int)answer.U32(), answer.U32(), (int)answer.U32()));
        }

        return entries;
    }

    /// <summary>Unmounts through the keeper, or without it if this process may.</summary>
    /// <param name="abort">Whether clients are cut off as well.</param>
    /// <returns><see cref="UnmountOutcome.Failed"/> also when clients were to be cut off and could not be.</returns>
    public UnmountOutcome Unmount(bool abort)
    {
        UnmountOutcome outcome = Ask(abort);
        // As the user it is mounted for, this process may do that itself.
        return outcome == UnmountOutcome.Failed && abort && _line is { } line && FuseMount.Abort(line.Minor, FuseMount.MayMountDirectly) ? UnmountOutcome.Detached : outcome;
    }

    private UnmountOutcome Ask(bool abort)
    {
        try
        {
            lock (_lock)
            {
                KeeperReader answer = Link.Ask(KeeperWriter.Question(KeeperOperation.Unmount).U8(abort ? KeeperProtocol.Abort : (byte)0).Text(""), null, out _);
                return (UnmountOutcome)answer.U8();
            }
        }
        catch (FuseMountException e)
        {
            return e.Error == Errno.ENOENT ? UnmountOutcome.AlreadyGone
                : FuseMount.MayMountDirectly && _line is { } line ? FuseMount.Unmount(MountPoint, line.Id, abort)
                : UnmountOutcome.Failed;
        }
    }

    /// <summary>Whether somebody holds the device at this moment: <see cref="IsKept"/>, after asking the keeper.</summary>
    public bool CanLeave()
    {
        if (!IsKept || _isStored)
        {
            return IsKept;
        }

        try
        {
            lock (_lock)
            {
                _ = Link.Ask(KeeperWriter.Question(KeeperOperation.List), null, out _);
                return true;
            }
        }
        catch (FuseMountException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public Errno Open(SafeFileHandle file, ulong node, out int backingId)
    {
        backingId = 0;
        try
        {
            lock (_lock)
            {
                backingId = (int)Link.Ask(KeeperWriter.Question(KeeperOperation.Register).U64(node), file, out _).U32();
                return Errno.None;
            }
        }
        catch (FuseMountException e)
        {
            return e.Error == Errno.None ? Errno.EIO : e.Error;
        }
    }

    /// <inheritdoc/>
    public void Close(int backingId)
    {
        lock (_lock)
        {
            if (!_ended && !_forgotten)
            {
                _givenBack.Add(backingId);
                GiveBack();
            }
        }
    }

    /// <summary>Tells the keeper as much as it takes; the lock is held.</summary>
    private void GiveBack()
    {
        while (_givenBack.Count > 0 && _link is { } link)
        {
            try
            {
                _ = link.Ask(KeeperWriter.Question(KeeperOperation.Unregister).U32((uint)_givenBack[^1]), null, out _);
            }
            catch (FuseMountException e) when (e.Error == Errno.ENOTCONN)
            {
                // Until there is a keeper again; what the process leaves behind goes to its successor.
                return;
            }
            catch (FuseMountException)
            {
                // It has no such registration, or not any more.
            }

            _givenBack.RemoveAt(_givenBack.Count - 1);
        }
    }

    /// <summary>Leaves everything as it is to a successor, who can come when this process has ended.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _ended = true;
            if (_link is { } link)
            {
                lock (s_untilExit)
                {
                    s_untilExit.Add(link);
                }

                _link = null;
            }
        }
    }

    /// <summary>Closes the device and the connection: this process does not serve the mount any more, and none of its threads reads from the device.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            _link?.End();
            _link?.Dispose();
            _link = null;
        }

        Device.Dispose();
    }

    private KeeperLink Link => _link ?? throw new FuseMountException("There is no keeper now.", Errno.ENOTCONN);

    /// <summary>Notices that the keeper is gone, and finds the next one.</summary>
    private void Watch()
    {
        while (true)
        {
            KeeperLink? link;
            lock (_lock)
            {
                if (_ended)
                {
                    return;
                }

                link = _link;
            }

            if (link is not null && !AwaitEnd(link))
            {
                continue;
            }

            lock (_lock)
            {
                if (_ended)
                {
                    return;
                }

                if (link is not null)
                {
                    FuseLog.KeeperLost(_logger, MountPoint);
                    link.Dispose();
                    _link = null;
                }
            }

            Thread.Sleep(s_retry);
            if (!TryResume())
            {
                return;
            }
        }
    }

    /// <returns>False when it is to be looked at again.</returns>
    private static unsafe bool AwaitEnd(KeeperLink link)
    {
        try
        {
            PollEntry entry = new() { Descriptor = (int)link.Socket.Handle };
            return Libc.Poll(&entry, 1, 1000) > 0;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    /// <returns>False when there is nothing to resume.</returns>
    private bool TryResume()
    {
        KeeperLink? link = null;
        try
        {
            link = KeeperLink.Connect(_socket);
            KeeperReader answer = link.Ask(KeeperWriter.Question(KeeperOperation.Attach).U8(KeeperProtocol.Resume).U32(Generation).Text(MountPoint), null, out _);
            _ = answer.Text();
            _ = answer.U32();
            // The next keeper may have been started otherwise.
            _isStored = (answer.U8() & KeeperProtocol.Stored) != 0;
            lock (_lock)
            {
                if (_ended)
                {
                    link.Dispose();
                    return false;
                }

                _link = link;
                GiveBack();
            }

            FuseLog.KeeperFound(_logger, MountPoint);
            return true;
        }
        catch (FuseMountException e)
        {
            link?.Dispose();
            if (e.Error is Errno.ENOTCONN or Errno.EBUSY)
            {
                return true;
            }

            _forgotten = true;
            FuseLog.KeeperForgot(_logger, MountPoint, e.Message);
            return false;
        }
    }
}
