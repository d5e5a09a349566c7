using GlanceGateway.Abstractions;
using GlanceGateway.Formats.Raw;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>
/// Tells the tree of images that were deleted while an earlier server of the mount showed them and whose bytes are still there, so that files of them that
/// are open are served on. No name leads to them.
/// </summary>
internal sealed class DeletedImages(IImageSource source, ImageTree tree, TimeSpan timeout, ILogger logger)
{
    /// <summary>Asks the source once. What fails is logged: the files of these images are then not found.</summary>
    internal async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (source is not IDeletedImages deleted)
        {
            return;
        }

        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            foreach (MountedImage image in await deleted.ListDeletedAsync(deadline.Token))
            {
                if (!tree.Remembers(image))
                {
                    tree.Remember(image with { RawSize = await RawSizeAsync(deleted, image, deadline.Token) });
                }
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            ViewLog.DeletedUnknown(logger, e);
        }
    }

    /// <summary>Bytes of the disk inside; null where there is no raw view, or it cannot be known now.</summary>
    private async Task<long?> RawSizeAsync(IDeletedImages deleted, MountedImage image, CancellationToken cancellationToken)
    {
        if (!Examiner.HasRawView(image) || RawView.IsPlain(image.DiskFormat))
        {
            return Examiner.HasRawView(image) ? image.Size : null;
        }

        try
        {
            IByteSource? stored = await deleted.OpenDeletedAsync(image.Id, cancellationToken);
            if (stored is null)
            {
                return null;
            }

            // The view is the source's last user here, and disposing of a source twice is allowed.
            await using (stored)
            {
                return (await RawView.OpenAsync(stored, image.DiskFormat!, cancellationToken)).Length;
            }
        }
        catch (Exception e) when (e is StoreException or RawViewException)
        {
            ViewLog.NoRawView(logger, image.Id, e.Message);
            return null;
        }
    }
}
