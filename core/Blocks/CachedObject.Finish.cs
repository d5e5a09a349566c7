using System.Buffers;
using GlanceGateway.Abstractions;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.Blocks;

/// <summary>Proving that what is there is right.</summary>
internal sealed partial class CachedObject
{
    /// <summary>
    /// When the data file was last written before this process compared all of it. While that stands, the plain file is as good as the object, and may be
    /// handed to those who read without comparing. It is not believed across processes: what happens to the file while nobody looks would be served.
    /// </summary>
    private DateTime? _sealedAt;

    private int _finishing;

    /// <summary>Takes the right to finish this object; undone by <see cref="EndFinish"/>.</summary>
    public bool TryBeginFinish() => !IsSealed() && Interlocked.Exchange(ref _finishing, 1) == 0;

    public void EndFinish() => Volatile.Write(ref _finishing, 0);

    /// <summary>Proves a complete object: makes it durable, compares every block, and once the hash of the whole.</summary>
    /// <returns>Whether its plain file can be handed out.</returns>
    public bool Finish(CancellationToken cancellationToken)
    {
        if (!TryAcquire())
            return false;
        try
        {
            if (IsSealed())
                return true;
            if (!IsComplete || _files is not { } files)
                return false;
            var drops = Interlocked.Read(ref _drops);
            var isProven = _record.HashProven;
            using var hash = isProven ? null : Key.BeginHash();
            if (!isProven && hash is null)
                return false;
            files.Flush();
            var modified = files.DataModified;
            // A block that went, or went and came again, is missing from the hash: whoever brings it back asks again.
            if (Pass(files, hash, progress: null, cancellationToken) > 0 || drops != Interlocked.Read(ref _drops) || !IsComplete)
                return false;
            if (hash is not null && !string.Equals(Convert.ToHexStringLower(hash.GetHashAndReset()), Key.HashValue, StringComparison.OrdinalIgnoreCase))
            {
                Interlocked.Increment(ref _cache.Counters.HashFailures);
                BlockLog.WrongHash(_cache.Log, Key.Id, Key.HashAlgorithm);
                _cache.Evict(this);
                return false;
            }

            lock (_gate)
            {
                if (_gone || drops != Interlocked.Read(ref _drops) || files.DataModified != modified)
                    return false;
                _sealedAt = modified;
                _record = _record with { HashProven = true };
                _changed = true;
                Save(durable: true);
            }

            if (!isProven)
                BlockLog.Verified(_cache.Log, Key.Id, Length);
            return true;
        }
        catch (IOException fault)
        {
            _cache.EnterTrouble(fault.Message);
            return false;
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Proves a complete object without a hash: compares all of it with its source. <see cref="Finish"/> may follow.</summary>
    public async Task<Comparison> CompareAsync(IByteSource source, CancellationToken cancellationToken)
    {
        if (!TryAcquire())
            return Comparison.Incomplete;
        var (expected, stored) = (ArrayPool<byte>.Shared.Rent(BlockBytes), ArrayPool<byte>.Shared.Rent(BlockBytes));
        try
        {
            var drops = Interlocked.Read(ref _drops);
            for (long block = 0; block < BlockCount; block++)
            {
                var length = _files!.LengthOf(block);
                switch (_files.Read(block * BlockBytes, stored.AsSpan(0, length)))
                {
                    case BlockRead.Wrong:
                        DropWrong(block, drops);
                        return Comparison.Incomplete;
                    case BlockRead.Absent:
                        return Comparison.Incomplete;
                }

                if (await source.ReadAsync(block * BlockBytes, expected.AsMemory(0, length), cancellationToken) != length
                    || !expected.AsSpan(0, length).SequenceEqual(stored.AsSpan(0, length)))
                    return Comparison.Different;
            }

            lock (_gate)
            {
                if (_gone || drops != Interlocked.Read(ref _drops) || !IsComplete)
                    return Comparison.Incomplete;
                _record = _record with { HashProven = true };
                _changed = true;
                Save(durable: true);
            }

            BlockLog.Verified(_cache.Log, Key.Id, Length);
            return Comparison.Equal;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(expected);
            ArrayPool<byte>.Shared.Return(stored);
            Release();
        }
    }

    /// <summary>Compares everything that is there, whatever was proven before.</summary>
    public VerifyResult Verify(Action<long>? progress, CancellationToken cancellationToken)
    {
        if (!TryAcquire())
            return new VerifyResult(0, 0, IsVerified: false);
        try
        {
            var blocks = Interlocked.Read(ref _presentCount);
            lock (_gate)
            {
                _sealedAt = null;
                // Where nobody knows a hash the checksums of the blocks are all that tells; a wrong one ends the proof.
                _record = _record with { HashProven = _record.HashProven && Key.HashValue is null };
            }

            var wrong = Pass(_files!, hash: null, progress, cancellationToken);
            return new VerifyResult(blocks, wrong, wrong == 0 && Finish(cancellationToken));
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Compares every block that is there with its checksums and forgets what is wrong.</summary>
    /// <returns>Blocks that were wrong.</returns>
    private long Pass(ObjectFiles files, System.Security.Cryptography.IncrementalHash? hash, Action<long>? progress, CancellationToken cancellationToken)
    {
        long wrong = 0;
        var buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            for (long block = 0; block < BlockCount; block++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Invoke(block * BlockBytes);
                var drops = Interlocked.Read(ref _drops);
                if (!IsPresent(block))
                    continue;
                var part = buffer.AsSpan(0, files.LengthOf(block));
                if (files.Read(block * BlockBytes, part) != BlockRead.Right)
                    wrong += DropWrong(block, drops) ? 1 : 0;
                else
                    hash?.AppendData(part);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return wrong;
    }

    private bool IsSealed()
    {
        lock (_gate)
            return !_gone && _files is { } files && _sealedAt is { } when && when == files.DataModified && IsComplete;
    }
}
