using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>The block caches between stores and readers. Whoever opened them disposes them, after everything that reads.</summary>
/// <param name="Kept">The cache that the operator configured; null for none.</param>
/// <param name="Scratch">Room for the readers of stores that cannot send a part of an object; null for none.</param>
public sealed record ImageCaches(BlockCache? Kept, BlockCache? Scratch)
{
    /// <summary>No cache at all.</summary>
    public static ImageCaches None { get; } = new(null, null);

    /// <summary>What an image's data is to a cache: its hash says it. Without one it is where the data lies.</summary>
    internal static BlockKey KeyOf(Image image) => image switch
    {
        { HashValue: { } value, HashAlgorithm: { } algorithm } => new BlockKey(image.Id, algorithm, value),
        { Checksum: { } checksum } => new BlockKey(image.Id, "md5", checksum),
        _ => new BlockKey(image.Id, Generation: string.Join(' ', image.Locations.Select(l => l.Url).Prepend(image.CreatedAt.ToString("O")))),
    };

    /// <summary>Opens an image whose data is here completely, without asking a store.</summary>
    internal IByteSource? TryOpen(Image image, Func<CancellationToken, ValueTask<IByteSource>> open) =>
        image.Size is { } size && Kept?.TryOpen(KeyOf(image), size, open, out var opened) == true ? opened : null;

    /// <summary>Puts a cache before a source that gains from one: local files do not.</summary>
    internal IByteSource Wrap(Image image, IByteSource source)
    {
        var cache = Kept ?? (source.Hints.Ranges ? null : Scratch);
        return source is ILocalFile || cache is null || image.Size is not { } size ? source : cache.Wrap(KeyOf(image), source, size);
    }
}
