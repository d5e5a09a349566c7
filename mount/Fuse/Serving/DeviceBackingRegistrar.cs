using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>Registers backing files by ioctl on the FUSE device; also what a privileged process runs for an unprivileged one.</summary>
public sealed unsafe class DeviceBackingRegistrar(SafeFileHandle device) : IBackingRegistrar
{
    /// <inheritdoc/>
    public Errno Open(SafeFileHandle file, ulong node, out int backingId)
    {
        ArgumentNullException.ThrowIfNull(file);
        backingId = 0;
        bool fileHeld = false;
        bool deviceHeld = false;
        try
        {
            file.DangerousAddRef(ref fileHeld);
            device.DangerousAddRef(ref deviceHeld);
            BackingMap map = new() { Descriptor = (int)file.DangerousGetHandle() };
            int result = Libc.IoControl((int)device.DangerousGetHandle(), Libc.IoctlBackingOpen, &map);
            if (result <= 0)
            {
                return result == 0 ? Errno.EINVAL : Libc.LastError;
            }

            backingId = result;
            return Errno.None;
        }
        finally
        {
            if (deviceHeld)
            {
                device.DangerousRelease();
            }

            if (fileHeld)
            {
                file.DangerousRelease();
            }
        }
    }

    /// <inheritdoc/>
    public void Close(int backingId)
    {
        bool held = false;
        try
        {
            device.DangerousAddRef(ref held);
            uint id = (uint)backingId;
            _ = Libc.IoControl((int)device.DangerousGetHandle(), Libc.IoctlBackingClose, &id);
        }
        catch (ObjectDisposedException)
        {
            // The registrations ended with the device.
        }
        finally
        {
            if (held)
            {
                device.DangerousRelease();
            }
        }
    }
}
