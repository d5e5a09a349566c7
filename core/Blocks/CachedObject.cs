using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Blocks;

// One object of the cache and everybody who reads it.
//
// * A bit per block says whether it is there. A set bit is a hint where to look, never a proof: every read of a block is compared with its checksums
//   (ObjectFiles), and one that does not match clears the bit and is fetched like any other.
// * A block that is not there is fetched by exactly one Fetch. Whoever needs it (a reader, read-ahead, a warm-up) asks Demand, which under the
//   gate finds the fetch that covers it or begins one; so nothing is on its way twice. Waiting is apart from fetching: a reader that is cancelled
//   stops to wait, the fetch goes on for the others, and ends early only when nobody has the object open.
// * A fetch that finds no room, or a disk that refuses, ends by telling those who wait to read past the cache. A source that fails ends it with the
//   fault, and each who waits asks again on his own, a few times.
// * "Gone" means evicted while in use: what was open stays readable through its handles, nothing is stored any more.
// * Locks: the gate is never held while room is made (CacheSpace takes other objects' gates), nor while a source is asked.

/// <summary>One cached object.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A cancellation source without timer or wait handle holds nothing to dispose; a new one is made per generation of readers.")]
internal sealed partial class CachedObject
{
    private readonly Lock _gate = new();
    private readonly BlockCache _cache;
    private readonly string _directory;
    private readonly ReadStreams _streams;
    private ObjectRecord _record;
    private ObjectFiles? _files;
    private ulong[] _present = [];
    private ulong[] _touched = [];
    private long _presentCount;
    private long _allocated;
    private int _users;
    private int _readers;
    private bool _gone;
    private bool _changed;

    private CachedObject(BlockCache cache, string directory, ObjectRecord record)
    {
        (_cache, _directory, _record) = (cache, directory, record);
        _streams = new ReadStreams(cache.Options.MaxReadAheadBytes);
        BlockBytes = record.BlockBytes;
        BlockCount = (record.Length + BlockBytes - 1) / BlockBytes;
    }

    public BlockKey Key => _record.Key;

    public long Length => _record.Length;

    public int BlockBytes { get; }

    public long BlockCount { get; }

    public DateTimeOffset LastAccessed => _record.LastAccessed;

    public bool IsPinned => _record.Pinned;

    /// <summary>Whether all of it was there once and was right.</summary>
    public bool IsProven => _record.HashProven;

    public bool IsComplete => Interlocked.Read(ref _presentCount) == BlockCount;

    /// <summary>Takes in what a directory of the cache holds.</summary>
    /// <returns>Null when it is not an object that can be trusted; the directory is refuse then.</returns>
    public static CachedObject? Load(BlockCache cache, string directory)
    {
        if (ObjectRecord.TryRead(ObjectFiles.RecordPath(directory)) is not { } record || record.Key.DirectoryName(record.Length) != Path.GetFileName(directory))
            return null;
        // What a process that was killed meanwhile had not put in place.
        File.Delete(ObjectRecord.NextPath(ObjectFiles.RecordPath(directory)));
        var loaded = new CachedObject(cache, directory, record);
        if (!loaded.TryAcquire())
            return null;
        loaded.Release();
        return loaded;
    }

    /// <summary>Begins an object.</summary>
    /// <exception cref="IOException">The disk refuses.</exception>
    public static CachedObject Create(BlockCache cache, string directory, BlockKey key, long length)
    {
        // What an interrupted eviction left would carry the same fingerprint and be right, but its accounting would not.
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
        Directory.CreateDirectory(directory);
        var now = cache.Time.GetUtcNow();
        var record = new ObjectRecord
        {
            Format = ObjectRecord.CurrentFormat, Key = key, Length = length, BlockBytes = cache.Options.BlockBytes, LastAccessed = now, LastModified = now,
        };
        ObjectFiles.Open(directory, record).Dispose();
        record.Write(ObjectFiles.RecordPath(directory), durable: false);
        return new CachedObject(cache, directory, record);
    }

    /// <summary>Opens the files if they are not, and keeps them open.</summary>
    /// <returns>False when the object is gone or its files cannot be opened.</returns>
    public bool TryAcquire()
    {
        lock (_gate)
        {
            if (_gone)
                return false;
            if (_files is null)
            {
                try
                {
                    _files = ObjectFiles.Open(_directory, _record);
                    _present = _files.ReadPresence();
                    _touched = new ulong[_present.Length];
                    _presentCount = _present.Sum(word => (long)ulong.PopCount(word));
                    Account();
                }
                catch (IOException fault)
                {
                    BlockLog.Unusable(_cache.Log, Key.Id, fault.Message);
                    _files?.Dispose();
                    _files = null;
                    return false;
                }
            }

            _users++;
            return true;
        }
    }

    /// <summary>Undoes <see cref="TryAcquire"/>.</summary>
    public void Release()
    {
        lock (_gate)
        {
            if (--_users > 0)
                return;
            Save(durable: false);
            _files?.Dispose();
            _files = null;
        }
    }

    /// <summary>Counts a reader in.</summary>
    /// <returns>False when the object cannot be used.</returns>
    public bool TryEnter()
    {
        if (!TryAcquire())
            return false;
        lock (_gate)
        {
            _readers++;
            _record = _record with { LastAccessed = _cache.Time.GetUtcNow(), Hits = _record.Hits + (IsComplete ? 1 : 0) };
            _changed = true;
        }

        return true;
    }

    /// <summary>Counts a reader out; with the last one, what is still on its way for nobody is stopped.</summary>
    public void Leave()
    {
        CancellationTokenSource? stop = null;
        lock (_gate)
        {
            if (--_readers == 0)
                (stop, _stop) = (_stop, new CancellationTokenSource());
        }

        if (stop is not null)
        {
            stop.Cancel();
            if (!_cache.Options.KeepUnused)
                _cache.EvictUnread(this);
        }

        Release();
    }

    /// <summary>Stops what is on its way: the cache is closed.</summary>
    public void StopFetches()
    {
        CancellationTokenSource stop;
        lock (_gate)
            stop = _stop;
        stop.Cancel();
    }

    /// <summary>Opens the plain file when the whole is proven and nobody touched it since.</summary>
    public SafeFileHandle? TryOpenFile()
    {
        lock (_gate)
        {
            if (_gone || _files is null || _sealedAt is null || _sealedAt != _files.DataModified || !IsComplete)
                return null;
            try
            {
                var handle = File.OpenHandle(_files.DataPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                if (!_record.HandedOut)
                {
                    // On the disk before anybody reads: a mount outlives the process where a keeper holds it.
                    _record = _record with { HandedOut = true };
                    _changed = true;
                    Save(durable: true);
                    if (_changed)
                    {
                        handle.Dispose();
                        return null;
                    }
                }

                return handle;
            }
            catch (IOException)
            {
                return null;
            }
        }
    }

    public CachedObjectStatus Describe()
    {
        lock (_gate)
        {
            return new CachedObjectStatus(
                Key.Id, Length, Math.Min(Length, _presentCount * BlockBytes), _allocated, IsComplete, IsComplete && (_record.HashProven || _sealedAt is not null),
                _record.Pinned, _readers, _record.Hits, _record.LastAccessed, _record.LastModified);
        }
    }

    /// <summary>Sets whether the object is kept whatever room is needed; survives the process.</summary>
    public void Pin(bool pinned)
    {
        lock (_gate)
        {
            if (_record.Pinned == pinned)
                return;
            _record = _record with { Pinned = pinned };
            _changed = true;
            Save(durable: true);
        }
    }

    /// <summary>Removes the object from the disk; what is open stays readable.</summary>
    /// <param name="onlyUnused">Not when anybody uses it.</param>
    /// <param name="onlyUnread">Not when anybody reads it.</param>
    /// <returns>Bytes it occupied; null when it was left alone.</returns>
    public long? TryRemove(bool onlyUnused, bool onlyUnread = false)
    {
        lock (_gate)
        {
            if (_gone || (onlyUnread && _readers > 0) || (onlyUnused && (_users > 0 || _record.Pinned)))
                return null;
            _gone = true;
            try
            {
                File.Delete(ObjectFiles.RecordPath(_directory));
                Directory.Delete(_directory, recursive: true);
            }
            catch (IOException fault)
            {
                BlockLog.Unusable(_cache.Log, Key.Id, fault.Message);
            }

            var freed = _allocated;
            _allocated = 0;
            _cache.Space.Add(-freed);
            return freed;
        }
    }

    /// <summary>Gives up blocks that nobody read lately, of an object in use.</summary>
    /// <returns>Bytes freed.</returns>
    public long PunchSome(long wanted)
    {
        lock (_gate)
        {
            if (_gone || _files is not { } files || _record.Pinned || _record.HandedOut || _presentCount == 0)
                return 0;
            var before = _allocated;
            // Twice around: the first round takes the marks off, the second finds what nobody marked again.
            for (var steps = 2 * BlockCount; steps > 0 && before - _allocated < wanted && _presentCount > 0; steps--)
            {
                var block = _hand;
                _hand = (_hand + 1) % BlockCount;
                if (!IsPresent(block))
                    continue;
                if (Clear(_touched, block))
                    continue;
                Drop(files, block);
                Account();
            }

            return before - _allocated;
        }
    }

    private static bool Clear(ulong[] bits, long index)
    {
        var mask = 1UL << (int)(index % 64);
        return (Interlocked.And(ref bits[index / 64], ~mask) & mask) != 0;
    }

    private static bool Set(ulong[] bits, long index)
    {
        ref var word = ref bits[index / 64];
        var mask = 1UL << (int)(index % 64);
        // Most reads find their mark set: looking first keeps the cache line shared between processors.
        return (Volatile.Read(ref word) & mask) == 0 && (Interlocked.Or(ref word, mask) & mask) == 0;
    }

    private bool IsPresent(long block) => (Volatile.Read(ref _present[block / 64]) & (1UL << (int)(block % 64))) != 0;

    /// <summary>Forgets a block that is there. Under the gate.</summary>
    private void Drop(ObjectFiles files, long block)
    {
        if (!Clear(_present, block))
            return;
        Interlocked.Decrement(ref _presentCount);
        Interlocked.Increment(ref _drops);
        _sealedAt = null;
        files.Forget(block, giveRoomBack: !_record.HandedOut);
    }

    /// <summary>Tells the cache what the object occupies now. Under the gate.</summary>
    private void Account()
    {
        if (_gone || _files is null)
            return;
        var now = _files.AllocatedBytes;
        _cache.Space.Add(now - _allocated);
        _allocated = now;
    }

    /// <summary>Writes the record if it changed. Under the gate.</summary>
    private void Save(bool durable)
    {
        if (_gone || !_changed)
            return;
        try
        {
            _record.Write(ObjectFiles.RecordPath(_directory), durable);
            _changed = false;
        }
        catch (IOException fault)
        {
            // Lost are numbers, not bytes.
            _cache.EnterTrouble(fault.Message);
        }
    }
}
