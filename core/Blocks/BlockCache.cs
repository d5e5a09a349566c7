using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Blocks;

/// <summary>
/// A persistent cache of parts of immutable objects on a local disk. It stands between a source and its readers and looks like a source: what is there
/// comes from the disk, what is missing is fetched once for everybody. Trouble of the cache (no room, a failing disk, rotten blocks) sends readers to the source and is
/// never an error of theirs, nor wrong bytes. One process owns a cache directory.
/// </summary>
public sealed class BlockCache : IAsyncDisposable
{
    private static readonly TimeSpan s_noRoomPause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, CachedObject> _objects = new(StringComparer.Ordinal);
    private readonly Lock _creating = new();
    private readonly FileStream _lock;
    private readonly string _home;
    private readonly SemaphoreSlim _buffers;
    private readonly int _bufferCount;
    private readonly SemaphoreSlim _finishing = new(1);
    private readonly CancellationTokenSource _ending = new();
    private readonly ConcurrentDictionary<Task, bool> _background = new();
    private readonly DriveInfo _drive;
    private long _pausedUntil = long.MinValue;
    private int _disposed;

    private BlockCache(BlockCacheOptions options, TimeProvider time, ILogger log, FileStream directoryLock)
    {
        (Options, Time, Log, _lock) = (options, time, log, directoryLock);
        _home = Path.Combine(options.Directory, "objects");
        _drive = new DriveInfo(options.Directory);
        _bufferCount = (int)Math.Clamp(options.MemoryBytes / options.BlockBytes, 2, 4096);
        _buffers = new SemaphoreSlim(_bufferCount);
        Space = new CacheSpace(options, MakeRoom, options.FreeBytes ?? (() => _drive.AvailableFreeSpace));
    }

    /// <summary>The cache as a whole.</summary>
    public CacheStatus Status => new(
        _objects.Count, Space.StoredBytes, Options.MaxBytes, Interlocked.Read(ref Counters.HitBytes), Interlocked.Read(ref Counters.FetchedBytes),
        Interlocked.Read(ref Counters.DirectBytes), Interlocked.Read(ref Counters.Requests), Interlocked.Read(ref Counters.Coalesced),
        Interlocked.Read(ref Counters.EvictedBytes), Interlocked.Read(ref Counters.CorruptBlocks), Interlocked.Read(ref Counters.HashFailures),
        Interlocked.Read(ref Counters.StoreFailures));

    /// <summary>Where it lies and what it may take.</summary>
    public BlockCacheOptions Options { get; }

    internal CacheCounters Counters { get; } = new();

    internal CacheSpace Space { get; }

    internal TimeProvider Time { get; }

    internal ILogger Log { get; }

    /// <summary>Whether storing makes sense now: not just after the disk refused, or after there was no room.</summary>
    internal bool MayStore => Volatile.Read(ref _pausedUntil) <= Time.GetTimestamp() && Volatile.Read(ref _disposed) == 0;

    /// <summary>Opens a cache and takes in what its directory holds.</summary>
    /// <exception cref="IOException">The directory cannot be used, or another process has it.</exception>
    /// <exception cref="UnauthorizedAccessException">It is not ours.</exception>
    public static BlockCache Open(BlockCacheOptions options, TimeProvider time, ILogger log)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BlockBytes, ObjectFiles.ChunkBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.BlockBytes, 4 << 20);
        if (!System.Numerics.BitOperations.IsPow2(options.BlockBytes))
            throw new ArgumentException("The size of a block must be a power of two.", nameof(options));
        Directory.CreateDirectory(options.Directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        FileStream directoryLock;
        try
        {
            directoryLock = new FileStream(Path.Combine(options.Directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException taken) when (File.Exists(Path.Combine(options.Directory, "lock")))
        {
            throw new IOException($"The cache directory {options.Directory} belongs to another process that runs.", taken);
        }

        var cache = new BlockCache(options, time, log, directoryLock);
        try
        {
            cache.TakeIn();
        }
        catch
        {
            directoryLock.Dispose();
            throw;
        }

        CacheMetrics.Add(cache);
        BlockLog.Opened(log, options.Directory, cache._objects.Count, cache.Space.StoredBytes, options.MaxBytes);
        return cache;
    }

    /// <summary>Puts the cache before a source.</summary>
    /// <param name="key">What the object is.</param>
    /// <param name="source">Taken over: disposed with the result, or by it.</param>
    /// <param name="length">Bytes of the object.</param>
    /// <returns>The same bytes; a local file (<see cref="ILocalFile"/>) when all of them are here and proven. The source itself when the cache cannot help.</returns>
    public IByteSource Wrap(BlockKey key, IByteSource source, long length)
    {
        if (length <= 0 || Enter(key, length) is not { } entered)
            return source;
        var shared = new SharedSource(source);
        if (entered.TryOpenFile() is { } file)
            return new CachedFile(entered, shared, file);
        if (entered.IsComplete)
            FinishSoon(entered);
        return CachedSource.Over(entered, shared);
    }

    /// <summary>Opens an object that is here completely, without asking its source.</summary>
    /// <param name="key">What it is.</param>
    /// <param name="length">Bytes of the object.</param>
    /// <param name="open">Opens its source, should a block turn out to be rotten.</param>
    /// <param name="opened">The bytes, the caller's to dispose.</param>
    public bool TryOpen(BlockKey key, long length, Func<CancellationToken, ValueTask<IByteSource>> open, [NotNullWhen(true)] out IByteSource? opened)
    {
        opened = null;
        if (!_objects.TryGetValue(key.Id, out var found) || found.Key != key || found.Length != length || !found.IsComplete || !found.TryEnter())
            return false;
        if (!found.IsComplete)
        {
            found.Leave();
            return false;
        }

        var shared = new SharedSource(open);
        if (found.TryOpenFile() is { } file)
        {
            opened = new CachedFile(found, shared, file);
        }
        else
        {
            FinishSoon(found);
            opened = CachedSource.Over(found, shared);
        }

        return true;
    }

    /// <summary>Fetches everything of an object that is missing, and proves it.</summary>
    /// <param name="key">What it is.</param>
    /// <param name="source">Taken over.</param>
    /// <param name="length">Bytes of the object.</param>
    /// <param name="cancellationToken">Ends the warm-up; what is there stays.</param>
    /// <returns>False when there was no room for all of it.</returns>
    /// <exception cref="StoreException">The source failed.</exception>
    public async Task<bool> WarmAsync(BlockKey key, IByteSource source, long length, CancellationToken cancellationToken)
    {
        var shared = new SharedSource(source);
        try
        {
            // What can never fit must not drive out everything else on its way to failing.
            if (length <= 0 || length > Options.MaxBytes || Enter(key, length) is not { } entered)
                return length == 0;
            try
            {
                if (!await entered.FillAsync(shared, cancellationToken))
                    return false;
                await FinishAsync(entered, cancellationToken);
                return true;
            }
            finally
            {
                entered.Leave();
            }
        }
        finally
        {
            await shared.ReleaseAsync();
        }
    }

    /// <summary>
    /// Writes out an object that is made here, from others, and whose hash nobody knows: everything that is missing is fetched, then all of it is compared with
    /// the source once more. From then on it is as good as one with a hash. Blocks that a killed process left are kept if they are right.
    /// </summary>
    /// <param name="key">What it is; without a hash.</param>
    /// <param name="open">Opens the source: once to write, and once, from anew, to compare.</param>
    /// <param name="length">Bytes of the object; holes of a source that knows them (<see cref="IExtentMap"/>) stay holes and take no room.</param>
    /// <param name="cancellationToken">Ends it; what is there stays for the next time.</param>
    /// <returns>False when there was no room for all of it.</returns>
    /// <exception cref="StoreException">The source failed, or what was written is not what it says: <see cref="StoreError.Corrupt"/>.</exception>
    public async Task<bool> WriteOutAsync(BlockKey key, Func<CancellationToken, ValueTask<IByteSource>> open, long length, CancellationToken cancellationToken)
    {
        if (length <= 0 || Enter(key, length) is not { } entered)
            return length == 0;
        try
        {
            // Once more each time that blocks were lost again before they were compared.
            for (var round = 0; !entered.IsComplete || !entered.IsProven; round++)
            {
                if (round == 3 || !await FillAsync(entered, open, cancellationToken))
                    return false;
                await using var again = await open(cancellationToken);
                if (await entered.CompareAsync(again, cancellationToken) == Comparison.Different)
                {
                    Evict(entered);
                    throw new StoreException(StoreError.Corrupt, "What was written is not what its source says.", key.Id);
                }
            }

            await FinishAsync(entered, cancellationToken);
            return true;
        }
        finally
        {
            entered.Leave();
        }
    }

    /// <summary>Every object, the one used last first.</summary>
    public IReadOnlyList<CachedObjectStatus> List() => [.. _objects.Values.Select(o => o.Describe()).OrderByDescending(o => o.LastAccessed)];

    /// <summary>One object; null when the cache does not have it.</summary>
    public CachedObjectStatus? Find(string id) => _objects.TryGetValue(id, out var found) ? found.Describe() : null;

    /// <summary>Keeps an object whatever room is needed, or ends that. Survives the process.</summary>
    /// <returns>False when the cache does not have it.</returns>
    public bool Pin(string id, bool pinned = true)
    {
        if (!_objects.TryGetValue(id, out var found))
            return false;
        found.Pin(pinned);
        return true;
    }

    /// <summary>Keeps an object whatever room is needed, also one that is not here yet: what comes of it stays. Survives the process.</summary>
    /// <param name="key">What it is.</param>
    /// <param name="length">Bytes of the object.</param>
    /// <returns>False when the disk refuses.</returns>
    public bool Pin(BlockKey key, long length)
    {
        if (length <= 0 || Enter(key, length) is not { } entered)
            return false;
        entered.Pin(pinned: true);
        entered.Leave();
        return true;
    }

    /// <summary>Removes an object, pinned or not. Who has it open reads on.</summary>
    /// <returns>False when the cache does not have it.</returns>
    public bool Evict(string id) => _objects.TryGetValue(id, out var found) && Evict(found);

    /// <summary>Compares all that is there of an object with its checksums, and the whole with its hash.</summary>
    /// <returns>Null when the cache does not have it.</returns>
    public Task<VerifyResult?> VerifyAsync(string id, CancellationToken cancellationToken) => VerifyAsync(id, progress: null, cancellationToken);

    /// <inheritdoc cref="VerifyAsync(string, CancellationToken)"/>
    /// <param name="id">The object.</param>
    /// <param name="progress">Gets the bytes of the object that are behind the pass, from the thread that does the work.</param>
    /// <param name="cancellationToken">Ends the pass.</param>
    public async Task<VerifyResult?> VerifyAsync(string id, Action<long>? progress, CancellationToken cancellationToken)
    {
        if (!_objects.TryGetValue(id, out var found))
            return null;
        await _finishing.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => found.Verify(progress, cancellationToken), cancellationToken);
        }
        finally
        {
            _finishing.Release();
        }
    }

    /// <summary>Evicts objects that nobody has open, least recently used first, until the rest takes no more than the limit.</summary>
    /// <param name="maxBytes">The limit.</param>
    public PruneResult Prune(long maxBytes)
    {
        var (count, bytes) = (0, 0L);
        foreach (var candidate in Oldest())
        {
            if (Space.StoredBytes <= maxBytes)
                break;
            if (TryEvictUnused(candidate) is { } freed)
                (count, bytes) = (count + 1, bytes + freed);
        }

        return new PruneResult(count, bytes);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        CacheMetrics.Remove(this);
        await _ending.CancelAsync();
        foreach (var cached in _objects.Values)
            cached.StopFetches();
        await Task.WhenAll(_background.Keys);
        if (!Options.KeepUnused)
        {
            foreach (var left in _objects.Values)
                Evict(left);
        }

        await _lock.DisposeAsync();
        _ending.Dispose();
    }

    internal bool Evict(CachedObject found)
    {
        var freed = found.TryRemove(onlyUnused: false);
        _objects.TryRemove(KeyValuePair.Create(found.Key.Id, found));
        return freed is not null;
    }

    /// <summary>Evicts an object if it is nobody's by now.</summary>
    internal void EvictUnread(CachedObject found)
    {
        if (found.TryRemove(onlyUnused: false, onlyUnread: true) is not null)
            _objects.TryRemove(KeyValuePair.Create(found.Key.Id, found));
    }

    /// <summary>Stores nothing for a while: the disk refused.</summary>
    internal void EnterTrouble(string reason)
    {
        Interlocked.Increment(ref Counters.StoreFailures);
        if (Pause(Options.TroublePause))
            BlockLog.Trouble(Log, Options.TroublePause.TotalSeconds, reason);
    }

    /// <summary>Proves an object that has become complete, in the background.</summary>
    internal void FinishSoon(CachedObject complete)
    {
        if (Volatile.Read(ref _disposed) != 0 || !complete.TryBeginFinish())
            return;
        var task = Task.Run(async () =>
        {
            try
            {
                await FinishAsync(complete, _ending.Token);
            }
            catch (Exception fault)
            {
                if (fault is not OperationCanceledException)
                    BlockLog.Unusable(Log, complete.Key.Id, fault.Message);
            }
            finally
            {
                complete.EndFinish();
            }
        });
        Track(task);
    }

    /// <summary>Has the end of the cache wait for the end of a task, which never fails.</summary>
    internal void Track(Task task)
    {
        _background.TryAdd(task, true);
        _ = task.ContinueWith(done => _background.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    internal Task TakeBufferAsync(CancellationToken cancellationToken) => _buffers.WaitAsync(cancellationToken);

    /// <summary>Takes memory for something that nobody waits for: only while half of it is free.</summary>
    internal bool TryTakeSpareBuffer() => _buffers.CurrentCount > _bufferCount / 2 && _buffers.Wait(0);

    internal void ReturnBuffer() => _buffers.Release();

    /// <summary>Finds or begins an object and counts the caller in as a reader.</summary>
    private CachedObject? Enter(BlockKey key, long length)
    {
        // Another round each time the object found was on its way out.
        for (var round = 0; round < 4 && Volatile.Read(ref _disposed) == 0; round++)
        {
            if (_objects.TryGetValue(key.Id, out var found))
            {
                if (found.Key == key && found.Length == length && found.TryEnter())
                    return found;
                Evict(found);
            }

            lock (_creating)
            {
                if (_objects.ContainsKey(key.Id))
                    continue;
                if (!MayStore)
                    return null;
                try
                {
                    _objects[key.Id] = CachedObject.Create(this, Path.Combine(_home, key.DirectoryName(length)), key, length);
                }
                catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
                {
                    EnterTrouble(fault.Message);
                    return null;
                }
            }
        }

        return null;
    }

    private static async Task<bool> FillAsync(CachedObject entered, Func<CancellationToken, ValueTask<IByteSource>> open, CancellationToken cancellationToken)
    {
        var shared = new SharedSource(await open(cancellationToken));
        try
        {
            return await entered.FillAsync(shared, cancellationToken);
        }
        finally
        {
            await shared.ReleaseAsync();
        }
    }

    private async Task FinishAsync(CachedObject complete, CancellationToken cancellationToken)
    {
        // One at a time: it reads a whole object and must leave the disk to others.
        await _finishing.WaitAsync(cancellationToken);
        try
        {
            await Task.Run(() => complete.Finish(cancellationToken), cancellationToken);
        }
        finally
        {
            _finishing.Release();
        }
    }

    private void TakeIn()
    {
        Directory.CreateDirectory(_home);
        foreach (var directory in Directory.EnumerateDirectories(_home).ToList())
        {
            var loaded = Options.KeepUnused ? CachedObject.Load(this, directory) : null;
            if (loaded is null || !_objects.TryAdd(loaded.Key.Id, loaded))
            {
                // Refuse of an eviction or a creation that was interrupted, or the older state of an object that changed.
                loaded?.TryRemove(onlyUnused: false);
                if (Directory.Exists(directory))
                    Directory.Delete(directory, recursive: true);
            }
        }
    }

    private List<CachedObject> Oldest() => [.. _objects.Values.OrderBy(o => o.LastAccessed)];

    private long? TryEvictUnused(CachedObject candidate)
    {
        if (candidate.TryRemove(onlyUnused: true) is not { } freed)
            return null;
        _objects.TryRemove(KeyValuePair.Create(candidate.Key.Id, candidate));
        return freed;
    }

    private long MakeRoom(long wanted)
    {
        var freed = 0L;
        foreach (var candidate in Oldest())
        {
            if (freed >= wanted)
                break;
            freed += TryEvictUnused(candidate) ?? 0;
        }

        if (freed < wanted)
        {
            // A little more than needed, so that not every block looks for room anew.
            var slack = Math.Min(Options.MaxBytes / 64, 16L << 20);
            foreach (var candidate in Oldest())
            {
                if (freed >= wanted + slack)
                    break;
                freed += candidate.PunchSome(wanted + slack - freed);
            }
        }

        Interlocked.Add(ref Counters.EvictedBytes, freed);
        if (freed < wanted)
            Pause(s_noRoomPause);
        return freed;
    }

    private bool Pause(TimeSpan pause)
    {
        var until = Time.GetTimestamp() + (long)(pause.TotalSeconds * Time.TimestampFrequency);
        var before = Volatile.Read(ref _pausedUntil);
        return until > before && Interlocked.CompareExchange(ref _pausedUntil, until, before) == before && before <= Time.GetTimestamp();
    }
}
