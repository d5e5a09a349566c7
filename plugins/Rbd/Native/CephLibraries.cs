using System.Runtime.InteropServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Rbd.Native;

/// <summary>Finds the libraries when the first store of this driver starts, and not before: a host without Ceph needs none.</summary>
internal static class CephLibraries
{
    /// <summary>Loads librados and librbd.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the packages to install.</exception>
    public static void Require(params IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            if (!NativeLibrary.TryLoad(name, typeof(CephLibraries).Assembly, searchPath: null, out _))
            {
                throw new StoreException(
                    StoreError.Misconfigured, $"the library {name} cannot be loaded. Install Ceph's client libraries; on Debian and Ubuntu the packages are librados2 and librbd1.");
            }
        }
    }
}
