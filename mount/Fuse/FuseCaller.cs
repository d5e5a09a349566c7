using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>Who made a request. Read-ahead and other kernel work carries zeros or the ids of whoever caused it.</summary>
/// <param name="Uid">Effective user.</param>
/// <param name="Gid">Effective group.</param>
/// <param name="Pid">Thread id in the pid namespace of the mount; 0 from another namespace.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct FuseCaller(uint Uid, uint Gid, uint Pid);
