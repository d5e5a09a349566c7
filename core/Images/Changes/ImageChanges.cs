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

            var batch = new List<SeenChange>();
            foreach (var id in rows.Select(r => r.ImageId).Distinct(StringComparer.Ordinal))
            {
                batch.Add(new SeenChange(id, await FindAsync(caller, id, cancellationToken)));
            }

            position = rows[^1].Sequence;
            yield return batch;
        }
    }

    private async Task<Image?> FindAsync(Caller caller, string id, CancellationToken cancellationToken)
    {
        try
        {
            return await catalog.GetAsync(caller, id, cancellationToken);
        }
        catch (ImageException refusal) when (refusal.Error == ImageError.NotFound)
        {
            return null;
        }
    }
}
