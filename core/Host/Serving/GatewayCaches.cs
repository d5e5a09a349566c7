using GlanceGateway.Blocks;
using GlanceGateway.Host.Configuration;
using GlanceGateway.Images;

namespace GlanceGateway.Host.Serving;

/// <summary>The block caches of a gateway that serves: the configured one, and room for readers of stores without ranges.</summary>
internal sealed class GatewayCaches : IAsyncDisposable
{
    private GatewayCaches(ImageCaches images) => Images = images;

    /// <summary>What the images are read through.</summary>
    public ImageCaches Images { get; }

    /// <summary>Opens them.</summary>
    /// <param name="configuration">The configuration.</param>
    /// <param name="scratch">The data directory's place for files that live no longer than a process.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Where lines go.</param>
    /// <exception cref="ConfigurationException">The cache directory cannot be used.</exception>
    public static GatewayCaches Open(GatewayConfiguration configuration, string scratch, TimeProvider time, ILogger log)
    {
        BlockCache? kept = null;
        if (configuration.Cache is { } wanted)
        {
            try
            {
                kept = BlockCache.Open(OptionsOf(wanted), time, log);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                throw new ConfigurationException(
                    [new ConfigurationProblem(configuration.File ?? "configuration", "cache.directory", $"{fault.Message} Give it a directory of its own that this user can write")]);
            }
        }

        // No store's scratch has this name: the prefix is reserved.
        var room = new BlockCacheOptions { Directory = Path.Join(scratch, "os_glance_ranges"), MaxBytes = long.MaxValue >> 2, KeepUnused = false };
        return new GatewayCaches(new ImageCaches(kept, kept is null ? BlockCache.Open(room, time, log) : null));
    }

    /// <summary>How a configured cache is opened.</summary>
    public static BlockCacheOptions OptionsOf(CacheConfiguration wanted) =>
        new() { Directory = wanted.Directory, MaxBytes = wanted.MaxBytes, MinFreeBytes = wanted.MinFreeBytes };

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Images.Kept is { } kept)
            await kept.DisposeAsync();
        if (Images.Scratch is { } room)
            await room.DisposeAsync();
    }
}
