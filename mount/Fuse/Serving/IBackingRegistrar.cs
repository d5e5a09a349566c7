using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>
/// Registers backing files for passthrough. The kernel wants CAP_SYS_ADMIN for that, so a server without privilege hands
/// its files to a process that holds the same device and has it.
/// </summary>
public interface IBackingRegistrar
{
    /// <summary>Registers a file.</summary>
    /// <returns>EPERM without the capability, ELOOP for a file on a stacked filesystem, EINVAL for what is no regular file.</returns>
    Errno Open(SafeFileHandle file, out int backingId);

    /// <summary>Drops a registration; open files keep their own reference.</summary>
    void Close(int backingId);
}
