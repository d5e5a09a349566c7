using System.Buffers;
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
            if (Pass(files, hash, cancellationToken) > 0 || drops != Interlocked.Read(ref _drops) || !IsComplete)
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

    /// <summary>Compares everything that is there, whatever was proven before.</summary>
    public VerifyResult Verify(CancellationToken cancellationToken)
    {
        if (!TryAcquire())
            return new VerifyResult(0, 0, IsVerified: false);
        try
        {
            var blocks = Interlocked.Read(ref _presentCount);
            lock (_gate)
            {
                _sealedAt = null;
                _record = _record with { HashProven = false };
            }

            var wrong = Pass(_files!, hash: null, cancellationToken);
            return new VerifyResult(blocks, wrong, wrong == 0 && Finish(cancellationToken));
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Compares every block that is there with its checksums and forgets what is wrong.</summary>
    /// <returns>Blocks that were wrong.</returns>
    private long Pass(ObjectFiles files, System.Security.Cryptography.IncrementalHash? hash, CancellationToken cancellationToken)
    {
        long wrong = 0;
        var buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            for (long block = 0; block < BlockCount; block++)
            {
                cancellationToken.ThrowIfCancellationRequested();
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
