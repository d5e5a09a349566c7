using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>Every log line of this project.</summary>
internal static partial class ImageLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Image {ImageId}: {Bytes} bytes stored in {Store} in {Milliseconds} ms.")]
    public static partial void Uploaded(ILogger log, string imageId, long bytes, string store, double milliseconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "Image {ImageId}: the upload to {Store} ended early: {Reason}")]
    public static partial void UploadEnded(ILogger log, string imageId, string store, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {ImageId}: {Warning}")]
    public static partial void ContentDoubtful(ILogger log, string imageId, string warning);

    [LoggerMessage(Level = LogLevel.Information, Message = "Taking over an unfinished {Kind} of image {ImageId} in store {Store}.")]
    public static partial void Sweeping(ILogger log, IntentKind kind, string imageId, string store);

    [LoggerMessage(Level = LogLevel.Warning, Message = "An unfinished {Kind} of image {ImageId} in store {Store} could not be cleaned up yet: {Reason}")]
    public static partial void SweepFailed(ILogger log, IntentKind kind, string imageId, string store, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {ImageId}: its deletion, once interrupted, is given up: {Reason}")]
    public static partial void DeletionRefused(ILogger log, string imageId, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Image {ImageId} is deleted while a mount reads it: its data goes with the last reader, or in {Seconds} s")]
    public static partial void DeletionWaits(ILogger log, string imageId, double seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Looking for unfinished work failed and is tried again: {Reason}")]
    public static partial void SweepRoundFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {ImageId}: the location in store {Store} does not hold the data that it was said to hold, and is removed from the image.")]
    public static partial void LocationRefused(ILogger log, string imageId, string store);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Not every gateway sees {Store}: it {Problem}. What one gateway writes there the others cannot read. Let all use one that they share, or give the stores different names.")]
    public static partial void StoreNotShared(ILogger log, string store, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "Every gateway sees {Store} again.")]
    public static partial void StoreShared(ILogger log, string store);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Whether every gateway sees the same stores could not be found out, which is tried again: {Reason}")]
    public static partial void PlacesFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Task {TaskId} of image {ImageId} waits for {Nodes}: its data is staged there, and this gateway does not see it.")]
    public static partial void TaskElsewhere(ILogger log, string taskId, string imageId, string nodes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {ImageId}: its data in store {Store} could not be opened: {Reason}")]
    public static partial void LocationFailed(ILogger log, string imageId, string store, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Image {ImageId}: {Method} into {Stores} begins as task {TaskId}.")]
    public static partial void ImportBegins(ILogger log, string imageId, string method, string stores, string taskId);

    [LoggerMessage(Level = LogLevel.Information, Message = "Image {ImageId}: {Bytes} bytes imported by task {TaskId} into {Stores}.")]
    public static partial void Imported(ILogger log, string imageId, long bytes, string taskId, string stores);

    [LoggerMessage(Level = LogLevel.Information, Message = "Image {ImageId}: {Step} left {Bytes} bytes.")]
    public static partial void StepDone(ILogger log, string imageId, string step, long bytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {ImageId}: the converter ended with status {Status}: {Words}")]
    public static partial void ConversionFailed(ILogger log, string imageId, int status, string words);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {ImageId}: the copy into {Store} failed: {Reason}")]
    public static partial void CopyFailed(ILogger log, string imageId, string store, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Taking up the unfinished task {TaskId} ({Type}) of image {ImageId}.")]
    public static partial void TaskTakenUp(ILogger log, string type, string taskId, string imageId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Task {TaskId} ({Type}) of image {ImageId} failed: {Reason}")]
    public static partial void TaskFailed(ILogger log, string type, string taskId, string imageId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Task {TaskId} ({Type}) of image {ImageId} is another gateway's now.")]
    public static partial void TaskLost(ILogger log, string type, string taskId, string imageId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {ImageId}: its data could not be fetched from {Origin}: {Reason}")]
    public static partial void FetchFailed(ILogger log, string imageId, string origin, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Image {ImageId}: its data was not fetched into the cache: {Reason}")]
    public static partial void CacheFailed(ILogger log, string imageId, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Image {ImageId} is gone, and from the cache as well.")]
    public static partial void CacheEvicted(ILogger log, string imageId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Whoever waits for changes hears of none for now: {Reason}")]
    public static partial void FeedFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old rows of the change feed were not removed: {Reason}")]
    public static partial void PruneFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cache does not hear of deleted images for now: {Reason}")]
    public static partial void CacheFollowFailed(ILogger log, string reason);
}
