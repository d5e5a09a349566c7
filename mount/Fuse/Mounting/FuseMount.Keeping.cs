using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>Mounting for somebody who has less privilege, and taking a mount up again.</summary>
public sealed partial class FuseMount
{
    /// <summary>The mount's device number, null when the mount table did not show it. Unlike the number of the mount it is the same in every name space.</summary>
    internal (int Major, int Minor)? Number => _line is { } line ? (line.Major, line.Minor) : null;

    /// <summary>Whether the kernel has ended the connection: unmounted and the last file closed, or aborted.</summary>
    internal unsafe bool IsDead
    {
        get
        {
            PollEntry entry = new() { Descriptor = (int)Device.DangerousGetHandle() };
            return Libc.Poll(&entry, 1, 0) > 0 && (entry.Returned & (Libc.PollError | Libc.PollHangUp)) != 0;
        }
    }

    /// <summary>Whether it is out of the tree of names, though files may still be open.</summary>
    internal bool IsDetached => _line is not { } line || MountTable.Find(line.Major, line.Minor) is null;

    /// <summary>Mounts where a user says, who must own that directory: it then gets no farther than with fusermount3.</summary>
    /// <remarks>
    /// Every step goes through a handle on the place itself, so that links and renames behind the check lead nowhere else.
    /// </remarks>
    /// <exception cref="FuseMountException">It is not possible, or not the user's directory.</exception>
    internal static FuseMount CreateFor(string mountPoint, uint user, uint group, FuseMountOptions options, ILogger logger)
    {
        Validate(options);
        for (int layer = 0; layer <= MostLayers; layer++)
        {
            using SafeFileHandle place = OpenPlace(mountPoint);
            if (place.IsInvalid)
            {
                throw new FuseMountException($"The mount point {mountPoint} cannot be used ({Libc.LastError}); create the directory first.", Libc.LastError);
            }

            string path = PathOf(place);
            int descriptor = (int)place.DangerousGetHandle();
            if (MountTable.IdOf(descriptor) is { } id && MountTable.Find(id) is { IsFuse: true } mount && mount.MountPoint == path)
            {
                if (user != 0 && mount.User != user)
                {
                    throw new FuseMountException($"{path} holds a {mount.Type} mount of somebody else, not of the user with the id {user}.", Errno.EACCES);
                }

                RequireDead(path, NameOf(place), mount);
                if (Libc.Unmount(NameOf(place), Libc.UnmountDetach) != 0)
                {
                    throw new FuseMountException($"{path} holds a dead {mount.Type} mount that cannot be removed. Run \"umount -l {path}\" as root.", Errno.ENOTCONN);
                }

                FuseLog.DeadMountRemoved(logger, path);
                continue;
            }

            Errno error = MountTable.Probe(descriptor, out uint owner, out bool isDirectory, out _);
            if (error != Errno.None || !isDirectory)
            {
                throw new FuseMountException(error == Errno.None ? $"{path} is not a directory." : $"The mount point {path} cannot be used ({error}).", error == Errno.None ? Errno.ENOTDIR : error);
            }

            error = PseudoFilesystem.Probe(descriptor, out string? pseudo);
            if (error != Errno.None || pseudo is not null)
            {
                throw new FuseMountException(
                    pseudo is null ? $"The mount point {path} cannot be used ({error})." : $"The mount point {path} lies on {pseudo}; choose a directory of a filesystem that holds files.",
                    pseudo is null ? error : Errno.EACCES);
            }

            if (user != 0 && owner != user)
            {
                throw new FuseMountException($"The mount point {path} must belong to the user with the id {user}, for whom it is mounted; it belongs to {owner}.", Errno.EACCES);
            }

            FuseMount made = MountDirectly(path, NameOf(place), options with { Owner = (user, group) }, logger);
            made.SetReadAhead(options.ReadAheadKib);
            FuseLog.Mounted(logger, path, "mount(2)", made.Negotiation.Minor, made.Negotiation.Passthrough);
            return made;
        }

        throw new FuseMountException($"{mountPoint} holds more dead mounts than are removed at once; try again.", Errno.EBUSY);
    }

    /// <summary>Takes up a mount that another process made.</summary>
    internal static FuseMount Restore(SafeFileHandle device, string mountPoint, (int Major, int Minor)? number, FuseNegotiation negotiation, ILogger logger) =>
        new(mountPoint, device, negotiation, throughFusermount: false, watcher: null, number is { } known ? MountTable.Find(known.Major, known.Minor) : null, logger);

    /// <summary>Unmounts the mount of a number and no other; a busy one is detached lazily.</summary>
    internal static UnmountOutcome Unmount(string path, int id, bool force) => DetachExactly(path, id, force);

    private static unsafe string PathOf(SafeFileHandle place)
    {
        const int Longest = 4096;
        byte* buffer = stackalloc byte[Longest];
        nint length = Libc.ReadLink(NameOf(place), buffer, Longest);
        return length is > 0 and < Longest
            ? Encoding.UTF8.GetString(buffer, (int)length)
            : throw new FuseMountException($"The path of a mount point cannot be told ({Libc.LastError}).", Errno.ENAMETOOLONG);
    }
}
