using Microsoft.Extensions.Logging;

namespace GlanceGateway.Stores;

/// <summary>
/// Sees to it that code which was let go really goes, and says so. The runtime unloads only in a full garbage collection, and a gateway that has
/// little to do may not have one for hours; after a swap it is given a few, in the background, a second apart: unloading takes two or three.
/// </summary>
internal static class UnusedCode
{
    private const int Most = 9;
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>Waits until the code is gone, nine seconds at most.</summary>
    /// <param name="context">Its load context.</param>
    /// <param name="plugin">Whose it is, for the log.</param>
    /// <param name="logger">Told how it went.</param>
    public static async Task CollectAsync(WeakReference context, PluginIdentity plugin, ILogger logger)
    {
        for (var round = 0; round < Most; round++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
            await Task.Delay(s_pause);
            if (!context.IsAlive)
            {
                logger.PluginUnloaded(plugin.Name, plugin.Version, plugin.Hash);
                return;
            }
        }

        logger.PluginStays(plugin.Name, plugin.Version, plugin.Hash);
    }
}
