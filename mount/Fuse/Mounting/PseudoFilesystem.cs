namespace GlanceGateway.Fuse;

/// <summary>
/// Filesystems that show the state of the kernel or of processes instead of files. A user may own a directory there (/proc/PID, a delegated control group),
/// and to cover or to read it with somebody else's privilege changes what programs believe about the system; fusermount3 refuses them for the same reason.
/// </summary>
internal static unsafe class PseudoFilesystem
{
    // linux/magic.h, except the ones of configfs (fs/configfs/mount.c) and fusectl (fs/fuse/control.c).
    private static readonly Dictionary<uint, string> s_names = new()
    {
        [0x9fa0] = "proc",
        [0x62656572] = "sysfs",
        [0x27e0eb] = "cgroup",
        [0x63677270] = "cgroup2",
        [0x64626720] = "debugfs",
        [0x74726163] = "tracefs",
        [0x73636673] = "securityfs",
        [0xcafe4a11] = "bpf",
        [0x1cd1] = "devpts",
        [0x62656570] = "configfs",
        [0x6165676c] = "pstore",
        [0xde5e81e4] = "efivarfs",
        [0x65735543] = "fusectl",
        [0xf97cff8c] = "selinuxfs",
        [0x43415d53] = "smackfs",
        [0x6e736673] = "nsfs",
        [0x7655821] = "resctrl",
        [0x42494e4d] = "binfmt_misc",
        [0x19800202] = "mqueue",
        [0x67596969] = "rpc_pipefs",
        [0x6e667364] = "nfsd",
        [0x50494446] = "pidfs",
        [0x09041934] = "anon_inodefs",
    };

    /// <summary>Asks the filesystem that a handle lies on; one on a place is enough.</summary>
    /// <param name="descriptor">The handle.</param>
    /// <param name="name">Its name when it is such a filesystem, null when it is another one.</param>
    internal static Errno Probe(int descriptor, out string? name)
    {
        byte* result = stackalloc byte[256];
        int status = Libc.FileSystemStatus(descriptor, result);
        Errno error = status == 0 ? Errno.None : Libc.LastError;
        // f_type is the first word; of its 64 bits the upper half is an extension of the sign on some kernels.
        name = status == 0 && s_names.TryGetValue(*(uint*)result, out string? known) ? known : null;
        return error;
    }
}
