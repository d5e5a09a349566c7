using System.Collections.Concurrent;
using System.Text.Json;
using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.Client;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

// The images of a remote endpoint, as one identity sees them, read through a cache on disk.
//
// * The catalogue, and how it is followed, is RemoteFollower's.
// * Before an image is opened the endpoint is asked whether it is still there for us. Only silence is tolerated: a refusal ends the image.
// * Bytes always go through the block cache, whose key holds the hash of the whole: nothing is fetched twice, other data never mixes, and a whole,
//   proven image is opened without the endpoint.
// * Where there are no ranges the cache is filled by one download from the beginning. It belongs to nobody who reads, and goes on when they leave: the
//   examination of an image, which wants its end, would otherwise begin it again and again.
// * An image that is gone leaves the cache when nobody reads it.

/// <summary>The images of a remote endpoint.</summary>
internal sealed class RemoteImageSource : IImageSource, IRawDisks, ISourceStatus, ISteeredSource, IAsyncDisposable
{
    private readonly ImagesClient _client;
    private readonly BlockCache _cache;
    private readonly RemoteFollowOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RemoteFollower _follower;
    private readonly RemoteCatalogue _catalogue;
    private readonly ConcurrentDictionary<string, Task> _downloads = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _downloadSlots;
    private readonly CancellationTokenSource _ending = new();

    public RemoteImageSource(
        ImagesClient client, RemoteFeed feed, BlockCache cache, RemoteCatalogueFile file, RemoteFollowOptions options, TimeProvider time, ILogger logger)
    {
        (_client, _cache, _options, _time, _logger) = (client, cache, options, time, logger);
        _follower = new RemoteFollower(client, feed, file, options, Forget, time, logger);
        _catalogue = _follower.Catalogue;
        _downloadSlots = new SemaphoreSlim(options.Downloads);
    }

    /// <summary>Whether an endpoint answered last time.</summary>
    public bool IsReachable => _follower.IsReachable;

    /// <summary>Lists the images, or takes the last known ones when no endpoint answers.</summary>
    /// <exception cref="StoreException">The endpoint answers and refuses: <see cref="StoreError.Misconfigured"/>.</exception>
    public Task StartAsync(CancellationToken cancellationToken) => _follower.StartAsync(cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<CatalogueUpdate> FollowAsync(CancellationToken cancellationToken) => _follower.FollowAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<IByteSource?> OpenAsync(string imageId, CancellationToken cancellationToken)
    {
        if (_catalogue.Find(imageId) is not { } entry || await ConfirmAsync(entry, cancellationToken) is not { } confirmed)
            return null;
        var (image, ranges, _) = confirmed;
        var (key, size) = (KeyOf(image), image.Size!.Value);
        if (_cache.TryOpen(key, size, _ => ValueTask.FromResult(_client.Open(image, ranges)), out var whole))
            return whole;
        if (ranges.Works is null && !await LearnRangesAsync(image, ranges, cancellationToken))
            return null;
        if (ranges.Works == false)
            await BeginDownloadAsync(image, ranges, cancellationToken);
        return _cache.Wrap(key, _client.Open(image, ranges), size);
    }

    /// <inheritdoc/>
    public async ValueTask<IByteSource?> OpenRawAsync(string imageId, long rawSize, CancellationToken cancellationToken) =>
        _cache.Find(WrittenDisk.IdOf(imageId)) is not null && await LocateAsync(imageId, cancellationToken) is { } data && WrittenDisk.TryOpen(_cache, data, rawSize, out var disk)
            ? disk
            : null;

    /// <inheritdoc/>
    public BlockCache Cache => _cache;

    /// <summary>Where the process that serves the mount can be told what to do; shown on the page <c>.status</c>.</summary>
    public string? Control { get; set; }

    /// <summary>The images that shall always be here; shown on the page <c>.status</c>.</summary>
    public WarmList? WarmList { get; set; }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<MountedImage>> ListAsync(CancellationToken cancellationToken) => ValueTask.FromResult(_catalogue.Snapshot.Shown);

    /// <inheritdoc/>
    public async ValueTask<CachedData?> LocateAsync(string imageId, CancellationToken cancellationToken)
    {
        if (_catalogue.Find(imageId) is not { } entry || await ConfirmAsync(entry, cancellationToken) is not { } confirmed)
            return null;
        var (image, ranges, _) = confirmed;
        return new CachedData(KeyOf(image), image.Size!.Value, image.ContainerFormat is null or "bare" ? image.DiskFormat : null, async token =>
        {
            if (ranges.Works is null && !await LearnRangesAsync(image, ranges, token))
                throw new StoreException(StoreError.Changed, "The image changed or is gone.", imageId);
            return _client.Open(image, ranges);
        });
    }

    /// <inheritdoc/>
    public void WriteStatus(Utf8JsonWriter json)
    {
        json.WriteString("control", Control);
        _follower.WriteStatus(json);
        json.WriteStartArray("endpoints");
        foreach (var endpoint in _client.Health)
        {
            json.WriteStartObject();
            json.WriteString("url", endpoint.Url);
            json.WriteString("circuit", endpoint.Circuit);
            json.WriteNumber("faults", endpoint.Faults);
            json.WriteString("problem", endpoint.Problem);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("hedges");
        json.WriteNumber("asked", _client.Hedges.Asked);
        json.WriteNumber("won", _client.Hedges.Won);
        json.WriteEndObject();
        json.WriteNumber("downloads", _downloads.Count);
        WarmList?.WriteStatus(json);
        CacheStatusText.Write(json, _cache);
    }

    /// <summary>Ends downloads. The cache stays the caller's.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_downloads.Values);
        _downloadSlots.Dispose();
        _ending.Dispose();
    }

    private static BlockKey KeyOf(RemoteImage image) => image.BestHash is { Algorithm: { } algorithm, Value: { } value }
        ? new BlockKey(image.Id, algorithm, value)
        : new BlockKey(image.Id, Generation: image.UpdatedAt.ToUnixTimeSeconds().ToString());

    /// <summary>An image that is gone leaves the cache, unless somebody reads it.</summary>
    private void Forget(string imageId)
    {
        foreach (var id in (string[])[imageId, WrittenDisk.IdOf(imageId)])
        {
            if (_cache.Find(id) is { Readers: 0 })
                _cache.Evict(id);
        }
    }

    /// <summary>Asks whether an image is still there for us, unless that was said just now.</summary>
    /// <returns>The image as it is now; null when it is not.</returns>
    private async Task<RemoteCatalogue.Entry?> ConfirmAsync(RemoteCatalogue.Entry entry, CancellationToken cancellationToken)
    {
        if (entry.ConfirmedAt is { } at && _time.GetElapsedTime(at) < _options.RecheckAfter)
            return entry;
        var id = entry.Image.Id;
        RemoteImage? now;
        try
        {
            now = await _client.ShowAsync(id, _options.RecheckPatience, cancellationToken).WaitAsync(_options.RecheckPatience, _time, cancellationToken);
        }
        catch (Exception silence) when (silence is TimeoutException or StoreException { Error: StoreError.Unavailable or StoreError.TimedOut })
        {
            return entry;
        }

        if (now is null)
        {
            _follower.Tell(_catalogue.Remove(id));
            return null;
        }

        _follower.Tell(_catalogue.Merge([now]));
        // Other data below the same id is another file: whoever opens the old one gets nothing, and the new one is examined first.
        return now.Validator == entry.Image.Validator ? _catalogue.Find(id) : null;
    }

    /// <returns>False when the image is gone.</returns>
    private async Task<bool> LearnRangesAsync(RemoteImage image, RangeKnowledge ranges, CancellationToken cancellationToken)
    {
        try
        {
            await _client.ProbeRangesAsync(image, ranges, _options.StartPatience, cancellationToken);
            return true;
        }
        catch (StoreException fault) when (fault.Error is StoreError.Unavailable or StoreError.TimedOut)
        {
            // Nobody knows; the first read that reaches an endpoint will tell.
            return true;
        }
        catch (StoreException fault) when (fault.Error == StoreError.Changed)
        {
            return false;
        }
    }

    private async Task BeginDownloadAsync(RemoteImage image, RangeKnowledge ranges, CancellationToken cancellationToken)
    {
        while (!_downloads.ContainsKey(image.Id))
        {
            await _downloadSlots.WaitAsync(cancellationToken);
            var begin = new TaskCompletionSource();
            if (_downloads.TryAdd(image.Id, begin.Task))
            {
                _ = DownloadAsync(image, ranges, begin);
                return;
            }

            _downloadSlots.Release();
        }
    }

    private async Task DownloadAsync(RemoteImage image, RangeKnowledge ranges, TaskCompletionSource done)
    {
        try
        {
            if (!await _cache.WarmAsync(KeyOf(image), _client.Open(image, ranges), image.Size!.Value, _ending.Token))
                _logger.LogError("Image {Image} cannot be read in ranges and does not fit the cache: every read downloads it again; give the cache more room", image.Id);
        }
        catch (Exception fault)
        {
            if (!_ending.IsCancellationRequested)
                _logger.LogWarning("Image {Image} could not be downloaded: {Reason}", image.Id, fault.Message);
        }
        finally
        {
            _downloads.TryRemove(image.Id, out _);
            _downloadSlots.Release();
            done.TrySetResult();
        }
    }
}
