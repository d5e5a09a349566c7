using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace GlanceGateway.View;

/// <summary>All metrics of mounts, with the mount point as label. What the kernel reads by itself cannot be counted: there the opens are all there is.</summary>
internal static class ViewMetrics
{
    /// <summary>The meter's name.</summary>
    internal const string MeterName = "GlanceGateway.View";

    private static readonly Meter s_meter = new(MeterName);
    private static readonly ConcurrentDictionary<string, Func<Numbers>> s_mounts = new(StringComparer.Ordinal);

    static ViewMetrics()
    {
        Level("glance_gateway.mount.images", "{image}", "Images that are shown.", numbers => numbers.Images);
        Level("glance_gateway.mount.images_held_back", "{image}", "Images that are not shown: unsafe, or not examined yet.", numbers => numbers.HeldBack);
        Level("glance_gateway.mount.open_sources", "{image}", "Images whose data is held open, in use or lingering.", numbers => numbers.OpenSources);
        Count("glance_gateway.mount.examinations", "{image}", "Images that were opened to be looked into.", numbers => numbers.Examinations);
        Count("glance_gateway.mount.reads", "{read}", "Reads that this process answered.", numbers => numbers.Reads);
        Count("glance_gateway.mount.read_errors", "{read}", "Reads that failed with EIO.", numbers => numbers.ReadErrors);
        Count("glance_gateway.mount.read", "By", "Bytes that this process copied to the kernel.", numbers => numbers.ReadBytes);
        s_meter.CreateObservableCounter(
            "glance_gateway.mount.opens",
            () => s_mounts.SelectMany(mount =>
            {
                Numbers numbers = mount.Value();
                KeyValuePair<string, object?> where = new("mount", mount.Key);
                return (Measurement<long>[])[new(numbers.PassthroughOpens, where, new("path", "passthrough")), new(numbers.CopyOpens, where, new("path", "copy"))];
            }),
            "{open}",
            "Opens of images by the way their bytes take.");
    }

    internal static void Add(string mount, Func<Numbers> read) => s_mounts[mount] = read;

    internal static void Remove(string mount) => s_mounts.TryRemove(mount, out _);

    private static void Level(string name, string unit, string description, Func<Numbers, long> read) =>
        s_meter.CreateObservableGauge(name, () => Observe(read), unit, description);

    private static void Count(string name, string unit, string description, Func<Numbers, long> read) =>
        s_meter.CreateObservableCounter(name, () => Observe(read), unit, description);

    private static IEnumerable<Measurement<long>> Observe(Func<Numbers, long> read) =>
        s_mounts.Select(mount => new Measurement<long>(read(mount.Value()), new KeyValuePair<string, object?>("mount", mount.Key)));

    /// <summary>A mount as it is now.</summary>
    internal sealed record Numbers(
        long Images, long HeldBack, long OpenSources, long Examinations, long PassthroughOpens, long CopyOpens, long Reads, long ReadErrors, long ReadBytes);
}
