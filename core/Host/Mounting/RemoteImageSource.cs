using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using GlanceGateway.Abstractions;
using GlanceGateway.Blocks;
using GlanceGateway.Client;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

// The images of a remote endpoint, as one identity sees them, read through a cache on disk.
//
// * The catalogue: a list of everything now and then (the sweep) and of what changed in between (the poll). Neither our gateway nor Glance pushes
//   changes. The last known catalogue is kept on disk; without an endpoint it is what the mount begins with, and what it keeps.
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
    private readonly RemoteCatalogueFile _file;
    private readonly RemoteFollowOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RemoteCatalogue _catalogue;
    private readonly Channel<CatalogueUpdate> _found = Channel.CreateUnbounded<CatalogueUpdate>();
    private readonly ConcurrentDictionary<string, Task> _downloads = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _downloadSlots;
    private readonly CancellationTokenSource _ending = new();
    private bool _isKnown;
    private long? _sweptAt;
    private string? _problem;
    private DateTimeOffset? _confirmed;

    public RemoteImageSource(ImagesClient client, BlockCache cache, RemoteCatalogueFile file, RemoteFollowOptions options, TimeProvider time, ILogger logger)
    {
        (_client, _cache, _file, _options, _time, _logger) = (client, cache, file, options, time, logger);
        _catalogue = new RemoteCatalogue(time);
        _downloadSlots = new SemaphoreSlim(options.Downloads);
    }

    /// <summary>Whether an endpoint answered last time.</summary>
    public bool IsReachable => Volatile.Read(ref _problem) is null && _confirmed is not null;

    /// <summary>Lists the images, or takes the last known ones when no endpoint answers.</summary>
    /// <exception cref="StoreException">The endpoint answers and refuses: <see cref="StoreError.Misconfigured"/>.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (_file.Read() is { } kept)
        {
            _catalogue.Restore(kept);
            _isKnown = true;
        }

        try
        {
            await SweepAsync(_options.StartPatience, cancellationToken);
        }
        catch (StoreException fault) when (fault.Error != StoreError.Misconfigured)
        {
            Miss(fault);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<CatalogueUpdate> FollowAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var isShown = _isKnown;
        if (isShown)
            yield return _catalogue.Snapshot;
        var failures = 0;
        while (true)
        {
            await WaitAsync(failures, cancellationToken);
            while (_found.Reader.TryRead(out var found))
                yield return found;
            CatalogueUpdate? update = null;
            try
            {
                update = IsSweepDue ? await SweepAsync(patience: null, cancellationToken) : await PollAsync(cancellationToken);
                failures = 0;
            }
            catch (StoreException fault)
            {
                Miss(fault);
                failures++;
            }

            if (update is not null && !isShown)
            {
                isShown = true;
                yield return _catalogue.Snapshot;
            }
            else if (update is { Shown.Count: > 0 } or { Gone.Count: > 0 })
            {
                yield return update;
            }
        }
    }

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
        json.WriteBoolean("reachable", IsReachable);
        json.WriteString("problem", Volatile.Read(ref _problem));
        if (_confirmed is { } confirmed)
            json.WriteString("confirmed_at", confirmed);
        else
            json.WriteNull("confirmed_at");
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

    private bool IsSweepDue => _sweptAt is not { } swept || _time.GetElapsedTime(swept) >= _options.SweepInterval;

    private static BlockKey KeyOf(RemoteImage image) => image.BestHash is { Algorithm: { } algorithm, Value: { } value }
        ? new BlockKey(image.Id, algorithm, value)
        : new BlockKey(image.Id, Generation: image.UpdatedAt.ToUnixTimeSeconds().ToString());

    private async Task WaitAsync(int failures, CancellationToken cancellationToken)
    {
        var wait = _options.PollInterval;
        // After a fault sooner, so that an endpoint that comes back is noticed; then ever later.
        if (failures > 0 && TimeSpan.FromSeconds(Math.Pow(2, Math.Min(failures - 1, 16))) is var retry && retry < wait)
            wait = retry;
        wait *= 0.9 + (Random.Shared.NextDouble() / 5);
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timer.CancelAfter(wait);
        try
        {
            await _found.Reader.WaitToReadAsync(timer.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time is over.
        }
    }

    private async Task<CatalogueUpdate> SweepAsync(TimeSpan? patience, CancellationToken cancellationToken)
    {
        var begun = _time.GetTimestamp();
        var update = _catalogue.Replace(await ListAsync(new ImageListQuery(), patience, cancellationToken));
        _sweptAt = begun;
        Confirm(update);
        return update;
    }

    private async Task<CatalogueUpdate> PollAsync(CancellationToken cancellationToken)
    {
        var update = _catalogue.Merge(await ListAsync(new ImageListQuery(UpdatedSince: _catalogue.PollFrom), patience: null, cancellationToken));
        Confirm(update);
        return update;
    }

    private async Task<IReadOnlyCollection<RemoteImage>> ListAsync(ImageListQuery query, TimeSpan? patience, CancellationToken cancellationToken)
    {
        var listed = new Dictionary<string, RemoteImage>(StringComparer.Ordinal);
        await foreach (var page in _client.ListAsync(query, patience, cancellationToken))
        {
            foreach (var image in page)
                listed[image.Id] = image;
        }

        return listed.Values;
    }

    /// <summary>Takes in that an endpoint answered, and what changed.</summary>
    private void Confirm(CatalogueUpdate update)
    {
        if (Interlocked.Exchange(ref _problem, null) is not null)
            _logger.LogInformation("The catalogue is up to date again");
        var isFirst = !_isKnown || _confirmed is null;
        _confirmed = _time.GetUtcNow();
        _isKnown = true;
        foreach (var id in update.Gone.SelectMany(id => (string[])[id, WrittenDisk.IdOf(id)]))
        {
            if (_cache.Find(id) is { Readers: 0 })
                _cache.Evict(id);
        }

        if (isFirst || update.Shown.Count > 0 || update.Gone.Count > 0)
            Keep();
    }

    private void Keep()
    {
        try
        {
            _file.Write(_catalogue.Entries);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            _logger.LogWarning("The catalogue could not be kept; without an endpoint the next start will show an older one: {Reason}", fault.Message);
        }
    }

    private void Miss(StoreException fault)
    {
        if (Interlocked.Exchange(ref _problem, fault.Message) is null)
            _logger.LogWarning("The last known catalogue stays: {Reason}", fault.Message);
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
            Tell(_catalogue.Remove(id));
            return null;
        }

        Tell(_catalogue.Merge([now]));
        // Other data below the same id is another file: whoever opens the old one gets nothing, and the new one is examined first.
        return now.Validator == entry.Image.Validator ? _catalogue.Find(id) : null;
    }

    /// <summary>Has the follower pass on what an open found out.</summary>
    private void Tell(CatalogueUpdate update)
    {
        if (update.Shown.Count == 0 && update.Gone.Count == 0)
            return;
        Confirm(update);
        _found.Writer.TryWrite(update);
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
