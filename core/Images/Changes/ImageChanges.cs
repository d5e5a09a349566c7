using System.Runtime.CompilerServices;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

/// <summary>An image that changed, as one caller may know it.</summary>
/// <param name="ImageId">The image.</param>
/// <param name="Image">The image now; null when it is gone or the caller may no longer see it.</param>
public sealed record SeenChange(string ImageId, Image? Image);

/// <summary>Follows the images that a caller may see.</summary>
public sealed class ImageChanges
{
    private const int BatchSize = 500;

    private readonly ImageRegistry registry;
    private readonly ImageCatalog catalog;

    internal ImageChanges(ImageRegistry registry, ImageCatalog catalog)
    {
        this.registry = registry;
        this.catalog = catalog;
    }

    /// <summary>Where the feed stands now: what is listed after this call and what is followed from here on leave no gap.</summary>
    public Task<long> PositionAsync(CancellationToken cancellationToken) => registry.LatestChangeAsync(cancellationToken);

    /// <summary>Every change after a position, for ever, in batches, each image of a batch once and as it is now.</summary>
    public async IAsyncEnumerable<IReadOnlyList<SeenChange>> FollowAsync(
        Caller caller, long position, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            await registry.WaitForChangeAsync(position, cancellationToken);
            var rows = await registry.ListChangesAsync(position, BatchSize, cancellationToken);
            if (rows.Count == 0)
            {
                continue;
            }

            var ids = rows.Select(r => r.ImageId).Distinct(StringComparer.Ordinal).ToList();
            var seen = (await catalog.ListAsync(caller, Everything(caller, ids), cancellationToken)).ToDictionary(i => i.Id, StringComparer.Ordinal);
            position = rows[^1].Sequence;
            yield return [.. ids.Select(id => new SeenChange(id, seen.GetValueOrDefault(id)))];
        }
    }

    /// <summary>All that a caller's list can show: hidden and community images too, of those shared with it the ones it accepted.</summary>
    /// <param name="caller">Who looks.</param>
    /// <param name="ids">Only these; null for all.</param>
    public static ImageQuery Everything(Caller caller, IReadOnlyCollection<string>? ids = null) => new()
    {
        Viewer = caller.Viewer,
        Visibility = VisibilityFilter.All,
        Hidden = null,
        Filters = ids is null ? [] : [new ImageFilter(ImageColumn.Id, Comparison.In, [.. ids])],
        Limit = ids?.Count ?? BatchSize,
    };
}
