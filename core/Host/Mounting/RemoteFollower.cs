using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using GlanceGateway.Abstractions;
using GlanceGateway.Client;
using GlanceGateway.View;

namespace GlanceGateway.Host.Mounting;

// Following the catalogue of a remote endpoint, as one identity sees it.
//
// * Our gateways have a change feed: one request waits there all the time, and what it tells is looked up and shown. It tells of lost shares and deletions,
//   too. A list of everything (the sweep) is only the net below it: for an operator's change of rules, which changes no image.
// * Others, and Glance, are asked now and then for what changed (the poll), which tells of nothing that went; sweeps find that.
// * The position in the feed is taken before a sweep begins, so nothing is lost between the two. It is moved on after what was told is taken in. It outlives
//   the loss of an endpoint; one that is refused, because it is too old or the endpoint is over another registry, costs a sweep.
// * While a feed fails, polls take its place, beginning at once and ever more rarely up to their interval; before each the feed is tried again.
// * Answers that follow each other closely are asked for with a pause: an image that is being made is several changes, and a thousand mounts hear of it.
//
// The last known catalogue is kept on disk; without an endpoint it is what the mount begins with, and what it keeps.

/// <summary>Follows a remote catalogue.</summary>
/// <param name="client">Lists.</param>
/// <param name="feed">Tells changes, where there is a feed.</param>
/// <param name="file">Keeps the catalogue.</param>
/// <param name="options">How often.</param>
/// <param name="gone">Hears of images that are not there any more.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Hears of trouble.</param>
internal sealed class RemoteFollower(
    ImagesClient client, RemoteFeed feed, RemoteCatalogueFile file, RemoteFollowOptions options, Action<string> gone, TimeProvider time, ILogger logger)
{
    /// <summary>Ids that one request for a list names: a URL may have 8 KiB.</summary>
    private const int IdsOfRequest = 100;

    /// <summary>Timers take no more than 49 days, and an operator may ask for any time.</summary>
    private static readonly TimeSpan LongestSleep = TimeSpan.FromDays(1);

    private readonly Channel<CatalogueUpdate> _found = Channel.CreateUnbounded<CatalogueUpdate>();
    private bool _isKnown;
    private long? _sweptAt;
    private string? _problem;
    private DateTimeOffset? _confirmed;
    private string? _position;
    private Task<RemoteChanges?>? _asked;
    private long _askedAt;
    private bool _mayAskAtOnce = true;
    private int _feedFailures;
    private string? _feedProblem = "not asked yet";

    /// <summary>What is known.</summary>
    public RemoteCatalogue Catalogue { get; } = new(time);

    /// <summary>Whether an endpoint answered last time.</summary>
    public bool IsReachable => Volatile.Read(ref _problem) is null && _confirmed is not null;

    private bool HasFeed => Volatile.Read(ref _feedProblem) is null;

    private TimeSpan SweepInterval => HasFeed ? options.SweepInterval * options.SweepsSavedByFeed : options.SweepInterval;

    private TimeSpan UntilSweep => _sweptAt is { } swept && SweepInterval - time.GetElapsedTime(swept) is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    /// <summary>Lists the images, or takes the last known ones when no endpoint answers.</summary>
    /// <exception cref="StoreException">The endpoint answers and refuses: <see cref="StoreError.Misconfigured"/>.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (file.Read() is { } kept)
        {
            Catalogue.Restore(kept);
            _isKnown = true;
        }

        try
        {
            await SweepAsync(options.StartPatience, cancellationToken);
        }
        catch (StoreException fault) when (fault.Error != StoreError.Misconfigured)
        {
            Miss(fault);
        }
    }

    /// <summary>The catalogue and its changes, for ever.</summary>
    public async IAsyncEnumerable<CatalogueUpdate> FollowAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var following = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var isShown = _isKnown;
            if (isShown)
                yield return Catalogue.Snapshot;
            var failures = 0;
            while (true)
            {
                await WaitAsync(failures, following.Token);
                while (_found.Reader.TryRead(out var found))
                    yield return found;
                CatalogueUpdate? update = null;
                try
                {
                    update = await ActAsync(following.Token);
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
                    yield return Catalogue.Snapshot;
                }
                else if (update is { Shown.Count: > 0 } or { Gone.Count: > 0 })
                {
                    yield return update;
                }
            }
        }
        finally
        {
            await following.CancelAsync();
            _asked = null;
        }
    }

    /// <summary>Passes on what somebody else found out.</summary>
    public void Tell(CatalogueUpdate update)
    {
        if (update.Shown.Count == 0 && update.Gone.Count == 0)
            return;
        Confirm(update);
        _found.Writer.TryWrite(update);
    }

    /// <summary>Writes members into an object that is open.</summary>
    public void WriteStatus(Utf8JsonWriter json)
    {
        json.WriteBoolean("reachable", IsReachable);
        json.WriteString("problem", Volatile.Read(ref _problem));
        if (_confirmed is { } confirmed)
            json.WriteString("confirmed_at", confirmed);
        else
            json.WriteNull("confirmed_at");
        json.WriteStartObject("follows");
        json.WriteString("by", HasFeed ? "feed" : "polls");
        json.WriteString("feed", HasFeed ? feed.Endpoint?.ToString() : null);
        json.WriteString("why_not_by_feed", Volatile.Read(ref _feedProblem));
        json.WriteNumber("poll_seconds", options.PollInterval.TotalSeconds);
        json.WriteNumber("sweep_seconds", SweepInterval.TotalSeconds);
        json.WriteEndObject();
    }

    /// <summary>Waits until there is something to do: the feed answered, somebody found something, or it is time.</summary>
    private async Task WaitAsync(int failures, CancellationToken cancellationToken)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (HasFeed && failures == 0)
        {
            _asked ??= AskAsync(cancellationToken);
            timer.CancelAfter(UntilSweep < LongestSleep ? UntilSweep : LongestSleep);
            await Task.WhenAny(_asked, _found.Reader.WaitToReadAsync(timer.Token).AsTask());
            await timer.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
            return;
        }

        // After a fault sooner, so that an endpoint that comes back is noticed; then ever later.
        var wait = options.PollInterval;
        var faults = Math.Max(failures, _feedFailures);
        if (faults > 0 && TimeSpan.FromSeconds(Math.Pow(2, Math.Min(faults - 1, 16))) is var retry && retry < wait)
            wait = retry;
        timer.CancelAfter(wait * (0.9 + (Random.Shared.NextDouble() / 5)));
        try
        {
            await _found.Reader.WaitToReadAsync(timer.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time is over.
        }
    }

    private async Task<RemoteChanges?> AskAsync(CancellationToken cancellationToken)
    {
        if (!_mayAskAtOnce)
            await Task.Delay(options.FeedPause * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
        _askedAt = time.GetTimestamp();
        return await feed.ReadAsync(_position!, options.FeedWait, cancellationToken);
    }

    /// <summary>Does what there is to do.</summary>
    /// <returns>What changed for the mount; null when nobody was asked.</returns>
    private async Task<CatalogueUpdate?> ActAsync(CancellationToken cancellationToken)
    {
        if (_asked is { IsCompleted: true } answered)
        {
            _asked = null;
            try
            {
                return await TakeAsync(await answered, cancellationToken);
            }
            catch (StoreException fault) when (answered.IsFaulted)
            {
                Lose(fault);
                return await PollAsync(cancellationToken);
            }
        }

        if (UntilSweep == TimeSpan.Zero)
            return await SweepAsync(patience: null, cancellationToken);
        if (_asked is not null)
            return null;
        return await AskAgainAsync(cancellationToken) ?? await PollAsync(cancellationToken);
    }

    /// <summary>Asks a feed that failed.</summary>
    /// <returns>Null when there is none, or it still fails.</returns>
    private async Task<CatalogueUpdate?> AskAgainAsync(CancellationToken cancellationToken)
    {
        if (_position is null && _feedFailures > 0)
            await BeginFeedAsync(cancellationToken);
        if (_position is null)
            return null;
        if (_sweptAt is null)
            return await SweepAsync(patience: null, cancellationToken);
        RemoteChanges? page;
        try
        {
            page = await feed.ReadAsync(_position, TimeSpan.Zero, cancellationToken);
        }
        catch (StoreException fault)
        {
            Lose(fault);
            return null;
        }

        Win();
        return await TakeAsync(page, cancellationToken);
    }

    /// <summary>Takes in what the feed told.</summary>
    private async Task<CatalogueUpdate> TakeAsync(RemoteChanges? page, CancellationToken cancellationToken)
    {
        if (page is null)
        {
            logger.LogInformation("The position in the change feed of {Endpoint} is not known there any more; everything is listed", feed.Endpoint);
            _position = null;
            return await SweepAsync(patience: null, cancellationToken);
        }

        List<RemoteImage> changed = [];
        List<string> absent = [.. page.Gone];
        foreach (var ids in page.Changed.Chunk(IdsOfRequest))
        {
            var listed = await ListAsync(new ImageListQuery(Ids: ids), patience: null, cancellationToken);
            changed.AddRange(listed);
            // Gone between the two requests.
            absent.AddRange(ids.Except(listed.Select(image => image.Id), StringComparer.Ordinal));
        }

        var merged = Catalogue.Merge(changed);
        var removed = absent.SelectMany(id => Catalogue.Remove(id).Gone).ToList();
        var update = merged with { Gone = [.. merged.Gone, .. removed] };
        // An answer that took its time need not be followed by a pause: nothing happens.
        _mayAskAtOnce = page.Changed.Count + page.Gone.Count == 0 && time.GetElapsedTime(_askedAt) > options.FeedPause;
        _position = page.Next;
        Confirm(update);
        return update;
    }

    private async Task<CatalogueUpdate> SweepAsync(TimeSpan? patience, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        if (_position is null)
            await BeginFeedAsync(cancellationToken);
        var update = Catalogue.Replace(await ListAsync(new ImageListQuery(), patience, cancellationToken));
        _sweptAt = begun;
        Confirm(update);
        return update;
    }

    /// <summary>Takes a position in a feed, if an endpoint has one.</summary>
    private async Task BeginFeedAsync(CancellationToken cancellationToken)
    {
        string? begun;
        try
        {
            begun = await feed.BeginAsync(options.RecheckPatience, cancellationToken);
        }
        catch (StoreException fault)
        {
            Lose(fault);
            return;
        }

        if (begun is null)
        {
            Volatile.Write(ref _feedProblem, "no endpoint announces a change feed");
            _feedFailures = 0;
            return;
        }

        // What changed before it is told by a list only.
        (_position, _sweptAt) = (begun, null);
        Win();
    }

    private async Task<CatalogueUpdate> PollAsync(CancellationToken cancellationToken)
    {
        // A feed is tried again soon: no endpoint is waited for then.
        TimeSpan? patience = _feedFailures > 0 ? TimeSpan.Zero : null;
        var update = Catalogue.Merge(await ListAsync(new ImageListQuery(UpdatedSince: Catalogue.PollFrom), patience, cancellationToken));
        Confirm(update);
        return update;
    }

    private async Task<IReadOnlyCollection<RemoteImage>> ListAsync(ImageListQuery query, TimeSpan? patience, CancellationToken cancellationToken)
    {
        var listed = new Dictionary<string, RemoteImage>(StringComparer.Ordinal);
        await foreach (var page in client.ListAsync(query, patience, cancellationToken))
        {
            foreach (var image in page)
                listed[image.Id] = image;
        }

        return listed.Values;
    }

    private void Win()
    {
        _feedFailures = 0;
        _mayAskAtOnce = true;
        if (Interlocked.Exchange(ref _feedProblem, null) is not null)
            logger.LogInformation("Changes are heard as they happen, from {Endpoint}", feed.Endpoint);
    }

    private void Lose(StoreException fault)
    {
        _feedFailures++;
        if (Interlocked.Exchange(ref _feedProblem, fault.Message) is null)
            logger.LogWarning("Changes are asked for now and then until they can be heard again: {Reason}", fault.Message);
    }

    /// <summary>Takes in that an endpoint answered, and what changed.</summary>
    private void Confirm(CatalogueUpdate update)
    {
        if (Interlocked.Exchange(ref _problem, null) is not null)
            logger.LogInformation("The catalogue is up to date again");
        var isFirst = !_isKnown || _confirmed is null;
        _confirmed = time.GetUtcNow();
        _isKnown = true;
        foreach (var id in update.Gone)
            gone(id);
        if (isFirst || update.Shown.Count > 0 || update.Gone.Count > 0)
            Keep();
    }

    private void Keep()
    {
        try
        {
            file.Write(Catalogue.Entries);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning("The catalogue could not be kept; without an endpoint the next start will show an older one: {Reason}", fault.Message);
        }
    }

    private void Miss(StoreException fault)
    {
        if (Interlocked.Exchange(ref _problem, fault.Message) is null)
            logger.LogWarning("The last known catalogue stays: {Reason}", fault.Message);
    }
}
