using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>
/// Registers backing files for passthrough. The kernel wants CAP_SYS_ADMIN for that, so a server without privilege hands
/// its files to a process that holds the same device and has it.
/// </summary>
public interface IBackingRegistrar
{
    /// <summary>Registers a file.</summary>
    /// <param name="file">A regular file open for reading; stays the caller's.</param>
    /// <param name="node">The node whose opens will name it. Who keeps registrations for a successor keeps it with them.</param>
    /// <param name="backingId">Above 0 upon success.</param>
    /// <returns>EPERM without the capability, ELOOP for a file on a stacked filesystem, EINVAL for what is no regular file.</returns>
    Errno Open(SafeFileHandle file, ulong node, out int backingId);

    /// <summary>Drops a registration; open files keep their own reference.</summary>
    void Close(int backingId);
}
