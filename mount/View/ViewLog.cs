using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>Every message of this project.</summary>
internal static partial class ViewLog
{
    [LoggerMessage(1, LogLevel.Information, "{Directory} shows {Images} images; passthrough {Passthrough}")]
    internal static partial void Shown(ILogger logger, string directory, int images, bool passthrough);

    [LoggerMessage(2, LogLevel.Warning, "{Directory} is mounted but shows nothing yet: no catalogue within {Seconds} s; it appears when the source answers")]
    internal static partial void CatalogueLate(ILogger logger, string directory, double seconds);

    [LoggerMessage(3, LogLevel.Warning, "The catalogue cannot be followed, next attempt in {Seconds} s; what is known stays visible")]
    internal static partial void CatalogueLost(ILogger logger, Exception? exception, double seconds);

    [LoggerMessage(4, LogLevel.Warning, "An image with id {Id} and size {Size} cannot be shown: the id must be a UUID and the size not negative")]
    internal static partial void ImageUnusable(ILogger logger, string id, long size);

    [LoggerMessage(5, LogLevel.Warning, "Images are readable by every user of this host (world-readable is on)")]
    internal static partial void WorldReadable(ILogger logger);

    [LoggerMessage(6, LogLevel.Information, "Passthrough is not possible ({Reason}), reads are copied: {Remedy}")]
    internal static partial void NoPassthrough(ILogger logger, Errno reason, string remedy);

    [LoggerMessage(7, LogLevel.Warning, "Image {Id} cannot be opened, answered {Error}")]
    internal static partial void OpenFailed(ILogger logger, Exception exception, string id, Errno error);

    [LoggerMessage(8, LogLevel.Warning, "Reading image {Id} at {Offset} failed, answered {Error}")]
    internal static partial void ReadFailed(ILogger logger, Exception exception, string id, long offset, Errno error);

    [LoggerMessage(9, LogLevel.Error, "Image {Id} ends at {Offset} though its size is {Size}; answered EIO instead of zeros")]
    internal static partial void ReadShort(ILogger logger, string id, long offset, long size);

    [LoggerMessage(10, LogLevel.Warning, "Closing the source of image {Id} failed")]
    internal static partial void CloseFailed(ILogger logger, Exception exception, string id);

    [LoggerMessage(11, LogLevel.Warning, "The kernel kept something it should drop of node {Node}: {Error}")]
    internal static partial void InvalidationFailed(ILogger logger, ulong node, Errno error);

    [LoggerMessage(12, LogLevel.Error, "The mount is gone from {Directory}: unmounted or aborted by somebody else")]
    internal static partial void MountLost(ILogger logger, string directory);

    [LoggerMessage(13, LogLevel.Warning, "Image {Id} is not shown: {Reason}")]
    internal static partial void Hidden(ILogger logger, string id, string reason);

    [LoggerMessage(14, LogLevel.Information, "Image {Id} has no raw view: {Reason}")]
    internal static partial void NoRawView(ILogger logger, string id, string reason);

    [LoggerMessage(15, LogLevel.Warning, "Image {Id} cannot be examined now, next attempt in {Seconds} s")]
    internal static partial void ExaminationFailed(ILogger logger, Exception exception, string id, double seconds);

    [LoggerMessage(17, LogLevel.Warning, "Verdicts over images could not be kept; the next start examines them again: {Reason}")]
    internal static partial void VerdictsNotKept(ILogger logger, string reason);

    [LoggerMessage(16, LogLevel.Error, "A file is read that an earlier server had open, node {Node}, and its image is not there any more; answered EIO")]
    internal static partial void InheritedUnknown(ILogger logger, ulong node);

    [LoggerMessage(18, LogLevel.Warning, "Which images were deleted of late is not known now: files of them that an earlier server had open cannot be read")]
    internal static partial void DeletedUnknown(ILogger logger, Exception exception);
}
