using System.Globalization;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>Mounting by mount(2).</summary>
public sealed partial class FuseMount
{
    /// <param name="path">Where the mount will be seen.</param>
    /// <param name="target">What mount(2) gets: the same, or a name of a descriptor that lies there.</param>
    /// <param name="options">How.</param>
    /// <param name="logger">Gets failures.</param>
    private static unsafe FuseMount MountDirectly(string path, string target, FuseMountOptions options, ILogger logger)
    {
        SafeFileHandle device = OpenDevice();
        try
        {
            int descriptor = (int)device.DangerousGetHandle();
            // With SYNC_INIT mount(2) returns when the negotiation is done, so another thread has to answer. It waits for the
            // mount in the kernel; if mount(2) fails before it reaches the device, that one thread stays parked with the
            // device open, which is why everything that can be checked was checked before.
            bool synchronous = Libc.IoControl(descriptor, Libc.IoctlSyncInit, null) == 0;
            HandshakeThread? handshake = synchronous ? HandshakeThread.Start(device, options) : null;
            (uint user, uint group) = options.Owner ?? (Libc.EffectiveUser(), Libc.EffectiveGroup());
            string data = string.Create(
                CultureInfo.InvariantCulture,
                $"fd={descriptor},rootmode=40000,user_id={user},group_id={group},max_read={options.MaxReadBytes}{(options.AllowOther ? ",allow_other" : "")}{(options.DefaultPermissions ? ",default_permissions" : "")}");
            string type = options.Subtype is null ? "fuse" : "fuse." + options.Subtype;
            ulong flags = Libc.MountNoSuid | Libc.MountNoDev | (options.ReadOnly ? Libc.MountReadOnly : 0);
            HashSet<int> before = MountTable.Ids();
            if (Libc.Mount(options.FsName, target, type, flags, data) != 0)
            {
                Errno error = Libc.LastError;
                // A refused negotiation explains itself better than the ENOTCONN of mount(2).
                handshake?.ThrowIfFailed(TimeSpan.FromSeconds(1));
                throw new FuseMountException(Explain(path, error), error);
            }

            try
            {
                // By its path alone it could be told from another's only as long as nobody moves the directories above it.
                MountLine? line = MountTable.FindNew(before, path, type, user);
                handshake ??= HandshakeThread.Start(device, options);
                return new FuseMount(path, device, handshake.Result(options.HandshakeTimeout), throughFusermount: false, watcher: null, line, logger);
            }
            catch
            {
                // Through the handle, if there is one: its name is a link, which must be followed.
                _ = Libc.Unmount(target, Libc.UnmountDetach | (target == path ? Libc.UnmountNoFollow : 0));
                throw;
            }
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    private static SafeFileHandle OpenDevice()
    {
        int descriptor = Libc.Open("/dev/fuse", Libc.ReadWriteCloseOnExec);
        if (descriptor >= 0)
        {
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }

        Errno error = Libc.LastError;
        throw new FuseMountException(
            error is Errno.ENOENT or Errno.ENODEV or Errno.ENXIO
                ? "/dev/fuse does not exist: load the kernel module (modprobe fuse); in a container pass the device in (--device /dev/fuse)."
                : $"/dev/fuse cannot be opened ({error}): run as root, or in a container allow the device (--device /dev/fuse).",
            error);
    }

    private static string Explain(string path, Errno error) => error switch
    {
        Errno.EPERM or Errno.EACCES => $"mount(2) on {path} was refused ({error}): CAP_SYS_ADMIN is needed and the security profile must allow mounts (containers: --cap-add SYS_ADMIN and a profile that permits mount).",
        Errno.ENODEV => "The kernel has no FUSE filesystem: load the module (modprobe fuse).",
        _ => $"mount(2) on {path} failed ({error}).",
    };

    /// <summary>Performs the handshake on a thread of its own, since it may have to run while mount(2) waits for it.</summary>
    private sealed class HandshakeThread
    {
        private readonly Thread _thread;
        private FuseNegotiation? _negotiation;
        private Exception? _failure;

        private HandshakeThread(SafeFileHandle device, FuseMountOptions options)
        {
            bool held = false;
            device.DangerousAddRef(ref held);
            _thread = new Thread(
                () =>
                {
                    try
                    {
                        _negotiation = Handshake.Perform((int)device.DangerousGetHandle(), options);
                    }
                    catch (Exception e)
                    {
                        _failure = e;
                    }
                    finally
                    {
                        device.DangerousRelease();
                    }
                },
                256 * 1024)
            {
                IsBackground = true,
                Name = "fuse-handshake",
            };
        }

        internal static HandshakeThread Start(SafeFileHandle device, FuseMountOptions options)
        {
            HandshakeThread handshake = new(device, options);
            handshake._thread.Start();
            return handshake;
        }

        internal void ThrowIfFailed(TimeSpan timeout)
        {
            if (_thread.Join(timeout) && _failure is { } failure and not FuseMountException { Error: Errno.ENODEV or Errno.ENOTCONN })
            {
                ExceptionDispatchInfo.Throw(failure);
            }
        }

        internal FuseNegotiation Result(TimeSpan timeout)
        {
            if (!_thread.Join(timeout))
            {
                throw new FuseMountException($"The kernel did not negotiate within {timeout.TotalSeconds:0} s.", Errno.ETIMEDOUT);
            }

            if (_failure is { } failure)
            {
                ExceptionDispatchInfo.Throw(failure);
            }

            return _negotiation!;
        }
    }
}
