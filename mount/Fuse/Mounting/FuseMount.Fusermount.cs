using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

/// <summary>Mounting through fusermount3.</summary>
public sealed partial class FuseMount
{
    private static FuseMount MountThroughFusermount(string path, FuseMountOptions options, ILogger logger)
    {
        (SafeFileHandle device, IDisposable watcher) = Fusermount.Mount(path, options);
        try
        {
            FuseNegotiation negotiation = HandshakeThread.Start(device, options).Result(options.HandshakeTimeout);
            return new FuseMount(path, device, negotiation, throughFusermount: true, watcher, logger);
        }
        catch
        {
            _ = Detach(path, direct: false);
            device.Dispose();
            watcher.Dispose();
            throw;
        }
    }
}
