using System.Text.Json;
using GlanceGateway.Blocks;

namespace GlanceGateway.Host.Mounting;

/// <summary>A cache on the page <c>.status</c>.</summary>
internal static class CacheStatusText
{
    /// <summary>Writes the member <c>cache</c> into an object that is open.</summary>
    public static void Write(Utf8JsonWriter json, BlockCache cache)
    {
        var (status, all) = (cache.Status, cache.List());
        var objects = all.Where(cached => !WrittenDisk.ImageOf(cached.Id).IsDisk).ToList();
        json.WriteStartObject("cache");
        json.WriteString("directory", cache.Options.Directory);
        json.WriteNumber("images", objects.Count);
        json.WriteNumber("raw_disks", all.Count - objects.Count);
        json.WriteNumber("pinned", objects.Count(cached => cached.IsPinned));
        json.WriteNumber("images_complete", objects.Count(cached => cached.IsComplete));
        json.WriteNumber("images_verified", objects.Count(cached => cached.IsVerified));
        json.WriteNumber("stored_bytes", status.StoredBytes);
        json.WriteNumber("max_bytes", status.MaxBytes);
        json.WriteNumber("hit_bytes", status.HitBytes);
        json.WriteNumber("fetched_bytes", status.FetchedBytes);
        json.WriteNumber("direct_bytes", status.DirectBytes);
        json.WriteNumber("requests", status.Requests);
        json.WriteNumber("corrupt_blocks", status.CorruptBlocks);
        json.WriteNumber("hash_failures", status.HashFailures);
        json.WriteNumber("store_failures", status.StoreFailures);
        json.WriteEndObject();
    }
}
