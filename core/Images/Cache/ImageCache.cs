using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

/// <summary>
/// The cache as its administrators see it: what it holds, what it is to fetch, what it is to forget. It follows the changes of images, so that
/// what was deleted goes from the disk as well. Without a configured cache everything here is refused, after the caller's rights were looked at.
/// </summary>
public sealed class ImageCache : IAsyncDisposable
{
    /// <summary>Images that are fetched side by side: a few, because each of them already uses what the network has.</summary>
    private const int Workers = 2;

    private static readonly TimeSpan s_followRetry = TimeSpan.FromSeconds(5);

    private readonly BlockCache? _cache;
    private readonly PolicyRules _policy;
    private readonly ImageAccess _access;
    private readonly ImageRegistry _registry;
    private readonly ImageDownloads _downloads;
    private readonly ImageChanges _changes;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CacheQueue _queue = new();
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Task> _tasks = [];

    internal ImageCache(
        BlockCache? cache, PolicyRules policy, ImageAccess access, ImageRegistry registry, ImageDownloads downloads, ImageChanges changes, TimeProvider time,
        ILogger<ImageCache> log)
    {
        (_cache, _policy, _access, _registry, _downloads, _changes, _time, _log) = (cache, policy, access, registry, downloads, changes, time, log);
        if (cache is null)
            return;
        _tasks.Add(Task.Run(() => FollowAsync(cache)));
        for (var i = 0; i < Workers; i++)
            _tasks.Add(Task.Run(() => _queue.WorkAsync((id, token) => FetchAsync(cache, id, token), _ending.Token)));
    }

    /// <summary>Whether there is a cache to ask.</summary>
    public bool IsConfigured => _cache is not null;

    /// <summary>What is here and what is to come.</summary>
    /// <exception cref="ImageException">The caller may not know it, or there is no cache.</exception>
    public CachedImages List(Caller caller)
    {
        var cache = Require(caller, PolicyAction.CacheList);
        return new CachedImages(
            [.. cache.List().Where(o => o.IsComplete && !CachedDisks.ImageOf(o.Id).IsDisk).Select(o => new CachedImage(o.Id, o.Hits, o.LastAccessed, o.LastModified, o.Length))], _queue.List());
    }

    /// <summary>Has the data of an image fetched in the background. An image that is here already is done at once.</summary>
    /// <exception cref="ImageException">The caller may not, there is no such image, or it has no data.</exception>
    public async Task QueueAsync(Caller caller, string imageId, CancellationToken cancellationToken)
    {
        var cache = Require(caller, PolicyAction.CacheImage);
        var (image, _) = await _access.FindAsync(caller, imageId, cancellationToken);
        if (image.Status != ImageStatus.Active)
            throw new ImageException(ImageError.Invalid, $"Only images with status active can be targeted for queueing; image {imageId} is {WireNames.Of(image.Status)}.");
        if (cache.Find(imageId) is not { IsVerified: true })
            _queue.Add(imageId);
    }

    /// <summary>Forgets an image's data and that it was to be fetched; works for images that are gone too.</summary>
    /// <exception cref="ImageException">The caller may not, or the image is neither here nor to come.</exception>
    public void Delete(Caller caller, string imageId)
    {
        var cache = Require(caller, PolicyAction.CacheDelete);
        var wasQueued = _queue.Remove(imageId);
        var wasDisk = cache.Evict(CachedDisks.IdOf(imageId));
        if (!cache.Evict(imageId) && !wasDisk && !wasQueued)
            throw new ImageException(ImageError.NotFound, $"Image {imageId} is neither cached nor queued for caching.");
    }

    /// <summary>Forgets everything, or everything that was to be fetched.</summary>
    /// <exception cref="ImageException">The caller may not, or there is no cache.</exception>
    public void Clear(Caller caller, CacheParts parts)
    {
        var cache = Require(caller, PolicyAction.CacheDelete);
        if (parts.HasFlag(CacheParts.Queued))
        {
            foreach (var id in _queue.List())
                _queue.Remove(id);
        }

        if (parts.HasFlag(CacheParts.Cached))
        {
            foreach (var found in cache.List())
                cache.Evict(found.Id);
        }
    }

    /// <summary>Forgets what was used least recently until the rest fits the limit.</summary>
    /// <exception cref="ImageException">The caller may not, or there is no cache.</exception>
    public PruneResult Prune(Caller caller)
    {
        var cache = Require(caller, PolicyAction.CachePrune);
        return cache.Prune(cache.Options.MaxBytes);
    }

    /// <summary>Forgets data of images that are gone. Rotten and unfinished data needs no cleaning: it is found and fetched again when it is read.</summary>
    /// <exception cref="ImageException">The caller may not, or there is no cache.</exception>
    public Task CleanAsync(Caller caller, CancellationToken cancellationToken) => ReconcileAsync(Require(caller, PolicyAction.CacheClean), cancellationToken);

    /// <summary>Which gateways hold an image: each knows its own cache only, which is a refusal.</summary>
    /// <exception cref="ImageException">Always.</exception>
    public void RequireNodes(Caller caller)
    {
        Require(caller, PolicyAction.ListCachedNodes);
        throw new ImageException(ImageError.Conflict, "Every gateway keeps its own cache; which nodes hold an image is not known here.");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_tasks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ending.Dispose();
    }

    private BlockCache Require(Caller caller, PolicyAction action)
    {
        _policy.Require(caller, action, image: null, isMember: false);
        return _cache ?? throw new ImageException(ImageError.NotFound, "Caching via API is not supported at this site.");
    }

    private async Task FetchAsync(BlockCache cache, string imageId, CancellationToken cancellationToken)
    {
        try
        {
            if (await _registry.FindImageAsync(imageId, cancellationToken) is not { Status: ImageStatus.Active, Size: { } size } image)
                return;
            if (await _downloads.OpenStoredAsync(image, cancellationToken) is not { } source)
                ImageLog.CacheFailed(_log, imageId, "no store has its data");
            else if (!await cache.WarmAsync(ImageCaches.KeyOf(image), source, size, cancellationToken))
                ImageLog.CacheFailed(_log, imageId, "the cache has no room for it");
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            ImageLog.CacheFailed(_log, imageId, fault.Message);
        }
        catch (OperationCanceledException) when (!_ending.IsCancellationRequested)
        {
            // Taken off the queue. The worker goes on with the next.
        }
    }

    private async Task FollowAsync(BlockCache cache)
    {
        while (true)
        {
            try
            {
                var position = await _changes.PositionAsync(_ending.Token);
                await ReconcileAsync(cache, _ending.Token);
                await foreach (var batch in _changes.FollowAsync(Caller.Gateway, position, _ending.Token))
                {
                    foreach (var change in batch)
                        Check(cache, change.ImageId, change.Image);
                }
            }
            catch (Exception fault) when (!_ending.IsCancellationRequested)
            {
                ImageLog.CacheFollowFailed(_log, fault.Message);
                await Task.Delay(s_followRetry, _time, _ending.Token);
            }
        }
    }

    private async Task ReconcileAsync(BlockCache cache, CancellationToken cancellationToken)
    {
        foreach (var imageId in cache.List().Select(found => CachedDisks.ImageOf(found.Id).ImageId).Distinct(StringComparer.Ordinal))
            Check(cache, imageId, await _registry.FindImageAsync(imageId, cancellationToken));
    }

    private void Check(BlockCache cache, string imageId, Image? image)
    {
        if (image is { Status: ImageStatus.Active or ImageStatus.Deactivated })
            return;
        _queue.Remove(imageId);
        cache.Evict(CachedDisks.IdOf(imageId));
        if (cache.Evict(imageId))
            ImageLog.CacheEvicted(_log, imageId);
    }
}
