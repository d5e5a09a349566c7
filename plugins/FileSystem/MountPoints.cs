using System.Text.Json;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.FileSystem;

/// <summary>
/// Upstream's metadata file: which shared filesystems the directories lie on, under names that consumers know. The entry whose mount point holds
/// an image becomes the image's location metadata, and a consumer that mounts the same filesystem reads the file itself.
/// </summary>
internal sealed class MountPoints
{
    private const long LargestFile = 1024 * 1024;
    private static readonly IReadOnlyDictionary<string, string> nothing = new Dictionary<string, string>();
    private readonly List<IReadOnlyDictionary<string, string>> _entries;

    private MountPoints(List<IReadOnlyDictionary<string, string>> entries) => _entries = entries;

    /// <summary>Without a file.</summary>
    public static MountPoints None { get; } = new([]);

    /// <summary>Reads the file: one object or a list of objects, each with the texts <c>id</c> and <c>mountpoint</c>.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>.</exception>
    public static MountPoints Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > LargestFile)
                throw Wrong(path, "is larger than 1 MiB");
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            return new MountPoints([.. (root.ValueKind == JsonValueKind.Array ? root.EnumerateArray().ToList() : [root]).Select(entry => ReadEntry(path, entry))]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Wrong(path, $"cannot be read: {exception.Message}");
        }
        catch (JsonException exception)
        {
            throw Wrong(path, $"is not JSON: {exception.Message}");
        }
    }

    /// <summary>The location metadata of a file: those of the first entry whose mount point it lies under, or none.</summary>
    public IReadOnlyDictionary<string, string> Of(string file) => _entries.Find(entry => IsBelow(entry["mountpoint"], file)) ?? nothing;

    // Whole components: /mnt/a does not hold /mnt/ab/x.
    private static bool IsBelow(string mountPoint, string file) =>
        mountPoint == "/" || (file.StartsWith(mountPoint, StringComparison.Ordinal) && file.Length > mountPoint.Length && file[mountPoint.Length] == '/');

    private static Dictionary<string, string> ReadEntry(string path, JsonElement entry)
    {
        if (entry.ValueKind != JsonValueKind.Object)
            throw Wrong(path, "holds something else than objects");
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in entry.EnumerateObject())
            values[property.Name] = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText();
        foreach (var name in (ReadOnlySpan<string>)["id", "mountpoint"])
        {
            if (!entry.TryGetProperty(name, out var value) || value.ValueKind != JsonValueKind.String || values[name].Length == 0)
                throw Wrong(path, $"lacks the text '{name}' in an entry");
        }

        if (!Path.IsPathFullyQualified(values["mountpoint"]))
            throw Wrong(path, $"names the mountpoint '{values["mountpoint"]}', which is not an absolute path");
        values["mountpoint"] = Path.TrimEndingDirectorySeparator(values["mountpoint"]);
        return values;
    }

    private static StoreException Wrong(string path, string what) => new(StoreError.Misconfigured, $"metadata_file '{path}' {what}.");
}
