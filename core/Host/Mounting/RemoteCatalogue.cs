using GlanceGateway.Client;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

/// <summary>What is known of a remote catalogue. Every method takes in what an endpoint said and gives what changed for the mount.</summary>
internal sealed class RemoteCatalogue(TimeProvider time)
{
    /// <summary>
    /// Polls reach back this far before the newest change that is known: transactions that began earlier and ended later would be missed, and times have a
    /// second's resolution.
    /// </summary>
    private static readonly TimeSpan overlap = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private DateTimeOffset? _newest;

    /// <summary>Everything as one step.</summary>
    public CatalogueUpdate Snapshot
    {
        get
        {
            lock (_lock)
                return new CatalogueUpdate(IsSnapshot: true, [.. _entries.Values.Select(entry => Mounted(entry.Image))], Gone: []);
        }
    }

    /// <summary>Since when changes are to be asked for; null for all.</summary>
    public DateTimeOffset? PollFrom
    {
        get
        {
            lock (_lock)
                return _newest - overlap;
        }
    }

    /// <summary>All that is known, to be kept.</summary>
    public IReadOnlyList<(RemoteImage Image, bool? Ranges)> Entries
    {
        get
        {
            lock (_lock)
                return [.. _entries.Values.Select(entry => (entry.Image, entry.Ranges.Works))];
        }
    }

    /// <summary>An image, and what is known of it.</summary>
    public Entry? Find(string id)
    {
        lock (_lock)
            return _entries.GetValueOrDefault(id);
    }

    /// <summary>Takes in what was kept: true once, and to be confirmed.</summary>
    public void Restore(IEnumerable<(RemoteImage Image, bool? Ranges)> kept)
    {
        lock (_lock)
        {
            foreach (var (image, ranges) in kept.Where(item => item.Image.HasData))
                _entries[image.Id] = new Entry(image, new RangeKnowledge(ranges), ConfirmedAt: null);
        }
    }

    /// <summary>Takes in everything that there is.</summary>
    public CatalogueUpdate Replace(IReadOnlyCollection<RemoteImage> everything)
    {
        lock (_lock)
        {
            var ids = everything.Select(image => image.Id).ToHashSet(StringComparer.Ordinal);
            var gone = _entries.Keys.Where(id => !ids.Contains(id)).ToList();
            foreach (var id in gone)
                _entries.Remove(id);
            var update = MergeLocked(everything);
            return update with { Gone = [.. gone, .. update.Gone] };
        }
    }

    /// <summary>Takes in images that changed, or may have.</summary>
    public CatalogueUpdate Merge(IReadOnlyCollection<RemoteImage> changed)
    {
        lock (_lock)
            return MergeLocked(changed);
    }

    /// <summary>Takes in that an image is gone.</summary>
    public CatalogueUpdate Remove(string id)
    {
        lock (_lock)
            return new CatalogueUpdate(IsSnapshot: false, [], _entries.Remove(id) ? [id] : []);
    }

    private CatalogueUpdate MergeLocked(IReadOnlyCollection<RemoteImage> changed)
    {
        List<MountedImage> shown = [];
        List<string> gone = [];
        foreach (var image in changed)
        {
            if (_newest is null || image.UpdatedAt > _newest)
                _newest = image.UpdatedAt;
            var known = _entries.GetValueOrDefault(image.Id);
            if (!image.HasData)
            {
                if (_entries.Remove(image.Id))
                    gone.Add(image.Id);
                continue;
            }

            // Data that is other data was perhaps put into another store.
            var ranges = known is not null && known.Image.Validator == image.Validator ? known.Ranges : new RangeKnowledge();
            _entries[image.Id] = new Entry(image, ranges, time.GetTimestamp());
            if (known is null || !known.Image.IsSameAs(image))
                shown.Add(Mounted(image));
        }

        return new CatalogueUpdate(IsSnapshot: false, shown, gone);
    }

    private static MountedImage Mounted(RemoteImage image)
    {
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal) { ["min_disk"] = image.MinDisk.ToString(), ["min_ram"] = image.MinRam.ToString() };
        (string Name, string? Value)[] optional =
        [
            ("name", image.Name), ("owner", image.Owner), ("checksum", image.Checksum), ("os_hash_algo", image.HashAlgorithm), ("os_hash_value", image.HashValue),
            ("disk_format", image.DiskFormat), ("container_format", image.ContainerFormat), ("visibility", image.Visibility),
        ];
        foreach (var (name, value) in optional)
        {
            if (value is not null)
                attributes[name] = value;
        }

        return new MountedImage
        {
            Id = image.Id,
            Name = image.Name,
            Owner = image.Owner,
            Size = image.Size!.Value,
            UpdatedAt = image.UpdatedAt,
            Tags = image.Tags,
            DiskFormat = image.DiskFormat,
            Attributes = attributes,
            IsUnexamined = true,
        };
    }

    /// <summary>An image that is shown.</summary>
    /// <param name="Image">As the endpoint described it last.</param>
    /// <param name="Ranges">What is known of its ranges.</param>
    /// <param name="ConfirmedAt">When an endpoint last said so, as a time stamp; null when that was in an earlier life.</param>
    internal sealed record Entry(RemoteImage Image, RangeKnowledge Ranges, long? ConfirmedAt);
}
