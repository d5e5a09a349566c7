using GlanceGateway.Abstractions;

namespace GlanceGateway.View;

/// <summary>Where the mounted images come from: the gateway in this process, or a remote endpoint.</summary>
/// <remarks>A source shows what one identity may see and read; images without complete data do not come through it.</remarks>
public interface IImageSource
{
    /// <summary>
    /// The catalogue and its changes, for ever. The first update is a snapshot; a later snapshot replaces everything known before.
    /// </summary>
    IAsyncEnumerable<CatalogueUpdate> FollowAsync(CancellationToken cancellationToken);

    /// <summary>Opens the bytes of an image. The caller disposes the source.</summary>
    /// <returns>Null when the image, or its data, is gone or forbidden by now.</returns>
    /// <exception cref="StoreException">The data cannot be reached.</exception>
    ValueTask<IByteSource?> OpenAsync(string imageId, CancellationToken cancellationToken);
}

/// <summary>A step of the catalogue.</summary>
/// <param name="IsSnapshot">True when <paramref name="Shown"/> is everything.</param>
/// <param name="Shown">Images that are there now, as they are now.</param>
/// <param name="Gone">Ids of images that are not there any more; empty for a snapshot.</param>
public sealed record CatalogueUpdate(bool IsSnapshot, IReadOnlyList<MountedImage> Shown, IReadOnlyList<string> Gone);

/// <summary>An image as the mount shows it. Its bytes never change.</summary>
public sealed record MountedImage
{
    /// <summary>A UUID in its 36-character form.</summary>
    public required string Id { get; init; }

    /// <summary>Anything a user typed, or null.</summary>
    public string? Name { get; init; }

    /// <summary>The owning project's id, or null.</summary>
    public string? Owner { get; init; }

    /// <summary>Bytes.</summary>
    public required long Size { get; init; }

    /// <summary>When it last changed: the file's modification time.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Words to find it by.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Glance's name of the disk format, or null.</summary>
    public string? DiskFormat { get; init; }

    /// <summary>
    /// Values for the extended attributes <c>user.glance.*</c>, by name without the prefix: <c>name</c>, <c>checksum</c>,
    /// <c>os_hash_algo</c>, <c>os_hash_value</c>, <c>disk_format</c>, <c>container_format</c>, <c>min_disk</c>, <c>min_ram</c>, <c>owner</c>, <c>visibility</c>.
    /// </summary>
    public IReadOnlyDictionary<string, string> Attributes { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// True when nobody has checked the content yet, as with an endpoint that does not inspect uploads: it is then shown only after its header
    /// passed the safety checks here.
    /// </summary>
    public bool IsUnexamined { get; init; }

    /// <summary>Bytes of the disk inside the image, once the examination has told; null while there is no raw view of it.</summary>
    internal long? RawSize { get; init; }
}
