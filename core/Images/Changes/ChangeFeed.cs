using GlanceGateway.Registry;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Images;

// The change feed for callers outside of this process, who ask, wait, get an answer and ask again.
//
// * Who stands at the end of the feed waits without a thread and without a query. One follower for all of them reads what is new, once, and looks at it
//   with the eyes of each: who sees nothing in it goes on waiting and is not woken. It runs only while somebody waits.
// * Who stands further back, after an absence, reads by itself, as far as the end.
// * A waiting request knows how far it has looked. It is moved and answered under its own lock, so that one whose patience ends while the follower looks
//   for it takes along either what was found or a place before it, never a place behind what it was not told.
// * Nobody can wait in front of the follower: a request that comes with a place that the follower has passed is sent back to read.

/// <summary>A page of the change feed.</summary>
/// <param name="Changes">Each image once, with what holds now; images may come again on later pages.</param>
/// <param name="Next">What to ask with next.</param>
public sealed record FeedPage(IReadOnlyList<ToldChange> Changes, string Next);

/// <summary>The change feed for callers outside of this process.</summary>
public sealed class ChangeFeed : IAsyncDisposable
{
    /// <summary>For how long changes are kept.</summary>
    public static readonly TimeSpan Keep = TimeSpan.FromDays(7);

    private const int BatchSize = 500;

    /// <summary>How many batches one request looks through in which its caller sees nothing. After that it is answered, and asks again.</summary>
    private const int MostBatches = 20;

    /// <summary>An upload is several changes within milliseconds; who hears of them together asks once.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PruneInterval = TimeSpan.FromHours(1);

    private readonly ImageRegistry _registry;
    private readonly PolicyRules _policy;
    private readonly FeedSight _sight;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private readonly HashSet<Waiter> _waiters = [];
    private Task _following = Task.CompletedTask;
    private Task _pruning = Task.CompletedTask;
    private bool _isFollowing;
    private ChangeCursor _position;
    private byte[]? _key;

    internal ChangeFeed(ImageRegistry registry, PolicyRules policy, TimeProvider time, ILogger logger)
    {
        _registry = registry;
        _policy = policy;
        _sight = new FeedSight(policy);
        _time = time;
        _logger = logger;
    }

    /// <summary>Requests that wait now.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiters.Count;
            }
        }
    }

    /// <summary>What changed for a caller since it last asked.</summary>
    /// <param name="caller">Whoever asks.</param>
    /// <param name="after">What an answer before named as next; null to begin at the end of the feed, for which nothing is waited.</param>
    /// <param name="limit">Most images on the page, at least 1.</param>
    /// <param name="patience">Ends the wait for a change: the page is empty then. Cancelled already, nothing is waited for.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="ImageException"><see cref="ImageError.Gone"/>: changes after that place are not known any more, or it is of another registry.
    /// <see cref="ImageError.Forbidden"/>: the caller may not list images.</exception>
    public async Task<FeedPage> ReadAsync(Caller caller, string? after, int limit, CancellationToken patience, CancellationToken cancellationToken)
    {
        _policy.Require(caller, PolicyAction.GetImages, image: null, isMember: false);
        var key = _key ??= await _registry.ReadChangeKeyAsync(cancellationToken);
        if (after is null)
        {
            return new FeedPage([], (await EndAsync(cancellationToken)).ToText(key));
        }

        if (!ChangeCursor.TryRead(after, key, out var cursor))
        {
            throw Unknown();
        }

        for (var batches = 0; ; batches++)
        {
            if (!IsAtEnd(cursor))
            {
                var batch = await _registry.ReadChangesAsync(cursor.Sequence, BatchSize, cancellationToken);
                if (!cursor.IsKnown(batch.Before, _time.GetUtcNow(), Keep / 2))
                {
                    throw Unknown();
                }

                var told = _sight.Look(caller, batch, cursor.Sequence, limit, out var last);
                cursor = last is null ? cursor : ChangeCursor.Behind(last);
                if (told.Count > 0 || batches == MostBatches)
                {
                    return new FeedPage(told, cursor.ToText(key));
                }

                if (batch.Changes.Count == BatchSize)
                {
                    continue;
                }
            }

            if (patience.IsCancellationRequested)
            {
                return new FeedPage([], cursor.ToText(key));
            }

            var waiter = new Waiter(caller, limit, cursor);
            if (TryWait(waiter))
            {
                var found = await WaitAsync(waiter, patience, cancellationToken);
                return new FeedPage(found, waiter.Cursor.ToText(key));
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        Task following;
        lock (_lock)
        {
            following = _following;
        }

        await following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _pruning.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _closing.Dispose();
    }

    /// <summary>Removes old changes from now on.</summary>
    internal void Start() => _pruning = Task.Run(() => PruneAsync(_closing.Token));

    private static ImageException Unknown() => new(
        ImageError.Gone, "What changed since then is not known any more, or that position is of another registry: take a new one (without 'after'), then list all images.");

    private async Task<ChangeCursor> EndAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var latest = await _registry.LatestChangeAsync(cancellationToken);
            if (latest == 0)
            {
                return ChangeCursor.Beginning(_time.GetUtcNow());
            }

            // Another gateway may have pruned it meanwhile, if a newer one came.
            if (await _registry.ListChangesAsync(latest - 1, 1, cancellationToken) is [var change])
            {
                return ChangeCursor.Behind(change);
            }
        }
    }

    /// <summary>Whether a place is where the follower is: nothing has to be read then to know that it is right, and that nothing is behind it.</summary>
    private bool IsAtEnd(ChangeCursor cursor)
    {
        lock (_lock)
        {
            return _isFollowing && cursor == _position;
        }
    }

    /// <returns>False when the follower has passed the waiter's place.</returns>
    private bool TryWait(Waiter waiter)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, typeof(ChangeFeed));
            if (!_isFollowing)
            {
                (_isFollowing, _position) = (true, waiter.Cursor);
                _following = Task.Run(() => FollowAsync(_closing.Token));
            }
            else if (waiter.Cursor.Sequence < _position.Sequence)
            {
                return false;
            }

            return _waiters.Add(waiter);
        }
    }

    private async Task<IReadOnlyList<ToldChange>> WaitAsync(Waiter waiter, CancellationToken patience, CancellationToken cancellationToken)
    {
        try
        {
            await using var impatience = patience.UnsafeRegister(static waiting => ((Waiter)waiting!).GiveUp(), waiter);
            return await waiter.Found.WaitAsync(cancellationToken);
        }
        finally
        {
            lock (_lock)
            {
                _waiters.Remove(waiter);
            }
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            long position;
            lock (_lock)
            {
                if (_waiters.Count == 0 || cancellationToken.IsCancellationRequested)
                {
                    _isFollowing = false;
                    return;
                }

                position = _position.Sequence;
            }

            try
            {
                await _registry.WaitForChangeAsync(position, cancellationToken);
                await Task.Delay(Gathering, _time, cancellationToken);
                Show(await _registry.ReadChangesAsync(position, BatchSize, cancellationToken));
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                Release(exception);
                return;
            }
            catch (Exception exception)
            {
                // Whoever waits goes on waiting: when the registry is back, nothing is lost.
                ImageLog.FeedFailed(_logger, exception.Message);
                await Task.Delay(RetryAfter, _time, CancellationToken.None);
            }
        }
    }

    private void Show(ChangeBatch batch)
    {
        if (batch.Changes.Count == 0)
        {
            return;
        }

        Waiter[] waiting;
        lock (_lock)
        {
            _position = ChangeCursor.Behind(batch.Changes[^1]);
            waiting = [.. _waiters];
        }

        foreach (var waiter in waiting)
        {
            waiter.Look(_sight, batch);
        }
    }

    private void Release(Exception exception)
    {
        lock (_lock)
        {
            _isFollowing = false;
            foreach (var waiter in _waiters)
            {
                waiter.Fail(exception);
            }
        }
    }

    private async Task PruneAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await _registry.PruneChangesAsync(_time.GetUtcNow() - Keep, cancellationToken);
            }
            catch (Exception exception) when (exception is not (OperationCanceledException or ObjectDisposedException))
            {
                ImageLog.PruneFailed(_logger, exception.Message);
            }

            await Task.Delay(PruneInterval, _time, cancellationToken);
        }
    }

    /// <summary>A request at the end of the feed.</summary>
    private sealed class Waiter(Caller caller, int limit, ChangeCursor cursor)
    {
        private readonly Lock _lock = new();
        private readonly TaskCompletionSource<IReadOnlyList<ToldChange>> _found = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>How far it has looked; settled once <see cref="Found"/> has ended.</summary>
        public ChangeCursor Cursor { get; private set; } = cursor;

        public Task<IReadOnlyList<ToldChange>> Found => _found.Task;

        public void Look(FeedSight sight, ChangeBatch batch)
        {
            lock (_lock)
            {
                if (_found.Task.IsCompleted)
                {
                    return;
                }

                var told = sight.Look(caller, batch, Cursor.Sequence, limit, out var last);
                Cursor = last is null ? Cursor : ChangeCursor.Behind(last);
                if (told.Count > 0)
                {
                    _found.TrySetResult(told);
                }
            }
        }

        public void GiveUp()
        {
            lock (_lock)
            {
                _found.TrySetResult([]);
            }
        }

        public void Fail(Exception exception) => _found.TrySetException(exception);
    }
}
