using System.Collections.Frozen;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>A kind of filesystem, by the number that statfs(2) tells (linux/magic.h and the filesystems' own headers).</summary>
/// <param name="Name">For the log.</param>
/// <param name="IsLocal">Whether what another machine does to a file cannot show here behind the kernel's back, and a read cannot hang on a network.
/// Only such files are handed to sendfile and the mount's passthrough, which nobody checks or times out.</param>
/// <param name="WritesDirectly">Whether O_DIRECT means that aligned writes reach the device without a copy. Others take the flag and do something
/// else: copy for a checksum (Btrfs), compress (ZFS), or wait for a server at every write (NFS).</param>
internal sealed record FileSystemKind(string Name, bool IsLocal, bool WritesDirectly = false)
{
    private static readonly FrozenDictionary<uint, FileSystemKind> kinds = new Dictionary<uint, FileSystemKind>
    {
        [0x0000ef53] = new("ext2, ext3 or ext4", true, WritesDirectly: true),
        [0x58465342] = new("XFS", true, WritesDirectly: true),
        [0x9123683e] = new("Btrfs", true),
        [0x2fc12fc1] = new("ZFS", true),
        [0xca451a4e] = new("bcachefs", true),
        [0xf2f52010] = new("F2FS", true),
        [0x3153464a] = new("JFS", true),
        [0x01021994] = new("tmpfs", true),
        [0x858458f6] = new("ramfs", true),
        [0x794c7630] = new("overlayfs", true),
        [0x00006969] = new("NFS", false),
        [0x0000517b] = new("SMB", false),
        [0xff534d42] = new("CIFS", false),
        [0xfe534d42] = new("SMB2", false),
        [0x00c36400] = new("CephFS", false),
        [0x65735546] = new("FUSE (GlusterFS, sshfs, virtiofs and others)", false),
        [0x01021997] = new("9p", false),
        [0x0bd00bd0] = new("Lustre", false),
        [0x7461636f] = new("OCFS2", false),
        [0x01161970] = new("GFS2", false),
        [0x47504653] = new("GPFS", false),
        [0x19830326] = new("BeeGFS", false),
        [0x20030528] = new("OrangeFS", false),
        [0x5346414f] = new("AFS", false),
        [0x6b414653] = new("AFS", false),
        [0x73757245] = new("Coda", false),
        [0x786f4256] = new("VirtualBox shared folder", false),
        [0xbacbacbc] = new("VMware shared folder", false),
    }.ToFrozenDictionary();

    /// <summary>The kind with a number. One that is not known counts as not local.</summary>
    public static FileSystemKind Of(uint magic) => kinds.GetValueOrDefault(magic) ?? new FileSystemKind($"an unknown filesystem (0x{magic:x8})", false);
}
