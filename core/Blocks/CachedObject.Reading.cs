using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Blocks;

/// <summary>Reading, and fetching what is missing.</summary>
internal sealed partial class CachedObject
{
    private readonly List<Fetch> _fetches = [];
    private readonly Dictionary<long, TaskCompletionSource<bool>> _waiting = [];
    private CancellationTokenSource _stop = new();
    private long _drops;
    private long _hand;

    /// <summary>Reads what is there, from an offset on, without waiting.</summary>
    /// <returns>Bytes, all of them right; less than asked for when the next block is missing.</returns>
    public int ReadPresent(long offset, Span<byte> target)
    {
        var files = _files ?? throw new ObjectDisposedException(nameof(CachedSource));
        var done = 0;
        while (done < target.Length)
        {
            var at = offset + done;
            var block = at / BlockBytes;
            var drops = Interlocked.Read(ref _drops);
            if (!IsPresent(block))
                break;
            var part = target.Slice(done, (int)Math.Min(target.Length - done, ((block + 1) * BlockBytes) - at));
            if (files.Read(at, part) != BlockRead.Right)
            {
                if (!DropWrong(block, drops))
                    continue;
                break;
            }

            Set(_touched, block);
            done += part.Length;
        }

        if (done > 0)
            Interlocked.Add(ref _cache.Counters.HitBytes, done);
        return done;
    }

    /// <summary>Whether one who reads everything from a source without ranges does better without the cache: it is scratch, and nobody fills it.</summary>
    public bool IsWorthPassing
    {
        get
        {
            lock (_gate)
                return !_cache.Options.KeepUnused && _presentCount == 0 && _fetches.Count == 0;
        }
    }

    /// <summary>Bytes that were read from the plain file.</summary>
    public void CountHit(int bytes) => Interlocked.Add(ref _cache.Counters.HitBytes, bytes);

    /// <summary>Bytes that were read past the cache.</summary>
    public void CountDirect(int bytes) => Interlocked.Add(ref _cache.Counters.DirectBytes, bytes);

    /// <summary>Fetches ahead of a reader if it looks as if it would read on.</summary>
    public void ReadAhead(SharedSource source, long offset, int length, bool declared, long limit)
    {
        if (IsComplete)
            return;
        var (start, end) = _streams.Advance(offset, length, declared, Math.Min(limit, Length));
        if (end <= start || !_cache.MayStore)
            return;
        var (block, behind) = (start / BlockBytes, (end + BlockBytes - 1) / BlockBytes);
        while (block < behind)
        {
            if (!_cache.TryTakeSpareBuffer())
            {
                _streams.Shrink();
                return;
            }

            var fetch = Begin(source, ref block, behind, isDemanded: false);
            if (fetch is null)
            {
                _cache.ReturnBuffer();
                return;
            }

            _cache.Track(RunAsync(fetch, source, hasBuffer: true));
        }
    }

    /// <summary>Reads at least a byte, fetching it if need be.</summary>
    /// <param name="source">Where missing blocks come from.</param>
    /// <param name="offset">Within the object.</param>
    /// <param name="target">Not empty, and not beyond the end.</param>
    /// <param name="cancellationToken">Ends the wait, not the fetch.</param>
    /// <returns>0 when it must be read past the cache.</returns>
    public async ValueTask<int> ReadAsync(SharedSource source, long offset, Memory<byte> target, CancellationToken cancellationToken)
    {
        var block = offset / BlockBytes;
        var failures = 0;
        // A block that is fetched and lost again and again (a disk that forgets) must not hold its reader for ever.
        for (var rounds = 0; rounds < 8; rounds++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (ReadPresent(offset, target.Span) is > 0 and var read)
                return read;
            try
            {
                if (!await DemandAsync(source, block, (offset + target.Length + BlockBytes - 1) / BlockBytes).WaitAsync(cancellationToken))
                    return 0;
            }
            catch (Exception fault) when (!cancellationToken.IsCancellationRequested && MayPass(fault) && ++failures < _cache.Options.Attempts)
            {
                // Readers that failed together shall not ask together again.
                var delay = _cache.Options.RetryDelay * (1 << (failures - 1)) * (0.5 + Random.Shared.NextDouble());
                await Task.Delay(delay, _cache.Time, cancellationToken);
            }
        }

        return 0;
    }

    /// <summary>Fetches everything that is missing.</summary>
    /// <returns>False when there was no room for all of it.</returns>
    public async Task<bool> FillAsync(SharedSource source, CancellationToken cancellationToken)
    {
        var run = Math.Max(1, (32L << 20) / BlockBytes);
        var failures = 0;
        for (long block = 0; block < BlockCount;)
        {
            try
            {
                if (!IsPresent(block) && !await DemandAsync(source, block, Math.Min(BlockCount, block + run)).WaitAsync(cancellationToken))
                    return false;
                block++;
                failures = 0;
            }
            catch (Exception fault) when (!cancellationToken.IsCancellationRequested && MayPass(fault) && ++failures < _cache.Options.Attempts)
            {
                await Task.Delay(_cache.Options.RetryDelay * (1 << (failures - 1)), _cache.Time, cancellationToken);
            }
        }

        return IsComplete;
    }

    private static bool MayPass(Exception fault) => fault switch
    {
        StoreException store => store.Error is StoreError.Unavailable or StoreError.TimedOut or StoreError.Unexpected or StoreError.Corrupt,
        OperationCanceledException or IOException => true,
        _ => false,
    };

    /// <summary>Waits for a block, beginning its fetch if nobody did.</summary>
    /// <param name="source">Where it comes from.</param>
    /// <param name="block">The block.</param>
    /// <param name="behind">Blocks up to here are wanted as well and come in the same request.</param>
    /// <returns>False when it was not stored.</returns>
    private Task<bool> DemandAsync(SharedSource source, long block, long behind)
    {
        if (!_cache.MayStore)
            return Task.FromResult(false);
        Fetch? fetch = null;
        Task<bool> wait;
        var wanted = block;
        lock (_gate)
        {
            if (_gone)
                return Task.FromResult(false);
            if (IsPresent(block))
                return Task.FromResult(true);
            if (!_waiting.TryGetValue(block, out var waiting))
                _waiting[block] = waiting = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            wait = waiting.Task;
            if (_fetches.Exists(f => f.Covers(block)))
            {
                Interlocked.Increment(ref _cache.Counters.Coalesced);
            }
            else
            {
                try
                {
                    fetch = Begin(source, ref block, behind, isDemanded: true);
                }
                catch
                {
                    _waiting.Remove(wanted);
                    throw;
                }

                if (fetch is null)
                {
                    _waiting.Remove(wanted);
                    return Task.FromResult(false);
                }
            }
        }

        if (fetch is not null)
            _cache.Track(RunAsync(fetch, source, hasBuffer: false));
        return wait;
    }

    /// <summary>Makes the fetch of the next run of blocks that nobody has or fetches.</summary>
    /// <param name="source">Held once more for the fetch.</param>
    /// <param name="block">From here on; set behind the run.</param>
    /// <param name="behind">Up to here.</param>
    /// <param name="isDemanded">Whether somebody waits for it.</param>
    /// <returns>Null when there is no such run.</returns>
    private Fetch? Begin(SharedSource source, ref long block, long behind, bool isDemanded)
    {
        lock (_gate)
        {
            behind = Math.Min(behind, BlockCount);
            while (block < behind && !IsMissing(block))
                block++;
            if (block >= behind || _gone || _files is null)
                return null;
            var first = block;
            if (source.Opened is { Hints.Ranges: false })
            {
                // It can only be read from its beginning to its end: one fetch brings everything, and everybody waits for his block.
                // Only a block that the one under way has left behind (it was evicted since) needs another, up to where that one is.
                if (_fetches.Count > 0 && !isDemanded)
                    return null;
                (first, block) = (0, _fetches.Count > 0 ? _fetches.Min(f => f.Position) : BlockCount);
            }
            else
            {
                while (block < behind && IsMissing(block))
                    block++;
            }

            source.Hold();
            _users++;
            var fetch = new Fetch(first, block, _stop.Token);
            _fetches.Add(fetch);
            return fetch;
        }
    }

    private bool IsMissing(long block) => !IsPresent(block) && !_fetches.Exists(f => f.Covers(block));

    /// <summary>Carries a fetch out, off the caller's thread and whatever becomes of him.</summary>
    private async Task RunAsync(Fetch fetch, SharedSource shared, bool hasBuffer)
    {
        Exception? fault = null;
        byte[]? buffer = null;
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            if (!hasBuffer)
            {
                await _cache.TakeBufferAsync(fetch.Stop);
                hasBuffer = true;
            }

            buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(BlockBytes);
            await CopyAsync(fetch, await shared.GetAsync(fetch.Stop), buffer);
        }
        catch (Exception failure)
        {
            fault = failure;
        }

        if (buffer is not null)
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        if (hasBuffer)
            _cache.ReturnBuffer();
        End(fetch, fault);
        try
        {
            await shared.ReleaseAsync();
        }
        catch (Exception)
        {
            // The bytes are here; how the source ended concerns nobody any more.
        }

        if (IsComplete)
            _cache.FinishSoon(this);
        Release();
    }

    private void End(Fetch fetch, Exception? fault)
    {
        List<TaskCompletionSource<bool>> left = [];
        lock (_gate)
        {
            _fetches.Remove(fetch);
            foreach (var block in _waiting.Keys.Where(b => b >= fetch.Position && b < fetch.End && !_fetches.Exists(f => f.Covers(b))).ToList())
            {
                if (_waiting.Remove(block, out var waiting))
                    left.Add(waiting);
            }
        }

        foreach (var waiting in left)
        {
            if (fault is null)
            {
                waiting.TrySetResult(false);
            }
            else
            {
                waiting.TrySetException(fault);
                // Its reader may have gone.
                _ = waiting.Task.Exception;
            }
        }
    }

    /// <summary>Copies blocks from a source until the run is done or something cannot be stored.</summary>
    private async Task CopyAsync(Fetch fetch, IByteSource source, byte[] buffer)
    {
        if (!source.Hints.Ranges && fetch.Position > 0)
            throw new StoreException(StoreError.Unexpected, "The source cannot begin in the middle.", Key.Id);
        while (fetch.Position < fetch.End)
        {
            var behind = fetch.End;
            if (source is IExtentMap map && await AskAsync(map, fetch.Position * BlockBytes, fetch.Stop) is { } extent)
            {
                if (extent.IsHole)
                {
                    // Only blocks that lie in the hole with all their bytes; one on its edge is fetched.
                    var end = extent.Offset + extent.Length;
                    var whole = end >= Length ? BlockCount : end / BlockBytes;
                    if (whole > fetch.Position)
                    {
                        for (var block = fetch.Position; block < Math.Min(whole, fetch.End); block++)
                        {
                            if (!Store(fetch, block, default, isHole: true))
                                return;
                        }

                        continue;
                    }

                    behind = fetch.Position + 1;
                }
                else
                {
                    behind = Math.Clamp((extent.Offset + extent.Length + BlockBytes - 1) / BlockBytes, fetch.Position + 1, fetch.End);
                }
            }

            if (!await CopyRunAsync(fetch, behind, source, buffer))
                return;
        }
    }

    /// <returns>False when something could not be stored.</returns>
    private async Task<bool> CopyRunAsync(Fetch fetch, long behind, IByteSource source, byte[] buffer)
    {
        // Room first: a request whose bytes find none would be made for nothing.
        if (!_cache.MayStore || !_cache.Space.HasRoom(_files!.LengthOf(fetch.Position)))
            return false;
        var offset = fetch.Position * BlockBytes;
        Interlocked.Increment(ref _cache.Counters.Requests);
        await using var stream = source.Hints.Ranges
            ? await source.OpenRangeAsync(offset, Math.Min(Length, behind * BlockBytes) - offset, fetch.Stop)
            : await source.OpenRangeAsync(0, null, fetch.Stop);
        while (fetch.Position < behind)
        {
            var block = fetch.Position;
            var part = buffer.AsMemory(0, _files.LengthOf(block));
            var read = await stream.ReadAtLeastAsync(part, part.Length, throwOnEndOfStream: false, fetch.Stop);
            Interlocked.Add(ref _cache.Counters.FetchedBytes, read);
            if (read < part.Length)
                throw new StoreException(StoreError.Corrupt, $"The object ends at byte {(block * BlockBytes) + read} of {Length}.", Key.Id);
            if (!Store(fetch, block, part.Span, isHole: false))
                return false;
        }

        return true;
    }

    private static async ValueTask<Extent?> AskAsync(IExtentMap map, long offset, CancellationToken cancellationToken)
    {
        try
        {
            return await map.GetExtentAsync(offset, cancellationToken) is { Length: > 0 } extent ? extent : null;
        }
        catch (StoreException)
        {
            // Holes are a saving, never a promise.
            return null;
        }
    }

    private bool Store(Fetch fetch, long block, ReadOnlySpan<byte> content, bool isHole)
    {
        if (!IsPresent(block))
        {
            var room = isHole ? 0 : _files!.LengthOf(block);
            if (!_cache.MayStore || !_cache.Space.TryReserve(room))
                return false;
            try
            {
                if (isHole)
                    _files!.WriteHole(block);
                else
                    _files!.Write(block, content);
            }
            catch (IOException fault)
            {
                _cache.EnterTrouble(fault.Message);
                _files!.Forget(block, giveRoomBack: !_record.HandedOut);
                return false;
            }
            finally
            {
                _cache.Space.Settle(room);
                lock (_gate)
                    Account();
            }
        }

        TaskCompletionSource<bool>? waiting;
        lock (_gate)
        {
            if (Set(_present, block))
            {
                Interlocked.Increment(ref _presentCount);
                _record = _record with { LastModified = _cache.Time.GetUtcNow(), HashProven = false };
                _changed = true;
            }

            Set(_touched, block);
            fetch.Position = block + 1;
            _waiting.Remove(block, out waiting);
        }

        waiting?.TrySetResult(true);
        return true;
    }

    /// <summary>Forgets a block that was read and is not right.</summary>
    /// <param name="block">The block.</param>
    /// <param name="drops">The count of dropped blocks before it was read: when it moved, the block may only have been evicted meanwhile.</param>
    /// <returns>False to look again.</returns>
    private bool DropWrong(long block, long drops)
    {
        lock (_gate)
        {
            if (Interlocked.Read(ref _drops) != drops || _files is not { } files)
                return false;
            Drop(files, block);
            _record = _record with { HashProven = false };
            Account();
        }

        Interlocked.Increment(ref _cache.Counters.CorruptBlocks);
        BlockLog.Corrupt(_cache.Log, Key.Id, block);
        return true;
    }
}
