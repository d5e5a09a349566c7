using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using GlanceGateway.Client;

namespace GlanceGateway.Host.Mounting;

/// <summary>The last known catalogue on disk, so that a mount starts without its endpoint. Of one identity: another one must not see it.</summary>
/// <param name="path">The file; replaced as a whole, readable by its owner only.</param>
/// <param name="identity">Who looks, and where; only its hash is written.</param>
internal sealed class RemoteCatalogueFile(string path, string identity)
{
    private readonly string _identity = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(identity)));

    /// <summary>Reads it.</summary>
    /// <returns>Null when there is none of this identity, or it cannot be read.</returns>
    public IReadOnlyList<(RemoteImage Image, bool? Ranges)>? Read()
    {
        try
        {
            using var file = File.OpenRead(path);
            var kept = JsonSerializer.Deserialize(file, CatalogueJson.Default.Kept);
            return kept is not null && kept.Identity == _identity ? [.. kept.Images.Select(image => (image.Image, image.Ranges))] : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes it.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">It is not ours.</exception>
    public void Write(IReadOnlyList<(RemoteImage Image, bool? Ranges)> images)
    {
        var next = path + ".next";
        var options = new FileStreamOptions
        {
            Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var file = new FileStream(next, options))
        {
            JsonSerializer.Serialize(file, new Kept(_identity, [.. images.Select(item => new KeptImage(item.Image, item.Ranges))]), CatalogueJson.Default.Kept);
            file.Flush(flushToDisk: true);
        }

        File.Move(next, path, overwrite: true);
    }

    internal sealed record Kept(string Identity, IReadOnlyList<KeptImage> Images);

    internal sealed record KeptImage(RemoteImage Image, bool? Ranges);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RemoteCatalogueFile.Kept))]
internal sealed partial class CatalogueJson : JsonSerializerContext;
