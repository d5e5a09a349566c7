using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores.Tests.Conformance;

/// <summary>What is broken on purpose, one promise at a time.</summary>
public enum Sabotage
{
    /// <summary>Nothing: the honest driver.</summary>
    None,

    /// <summary>Residue is never listed.</summary>
    ListsNothing,

    /// <summary>A deleted image keeps its bytes.</summary>
    DeletesOnlyTheName,

    /// <summary>An open source reads whatever has the name now.</summary>
    ReadsByName,

    /// <summary>What the library below throws goes through.</summary>
    ThrowsRaw,

    /// <summary>A backend that is gone is taken for one without the image.</summary>
    TakesSilenceForAbsence,

    /// <summary>Zeros ignore a cancelled token.</summary>
    IgnoresCancelledZeros,

    /// <summary>A settled attempt that goes on takes the next one's image along when it gives up.</summary>
    GivesUpByName,

    /// <summary>The slower of two deletes at once reports that the image is in use.</summary>
    DeletesFaultily,
}

/// <summary>A driver that keeps every promise but one.</summary>
internal sealed class SabotagedDriver(IStorageDriver inner, Sabotage sabotage) : IStorageDriver
{
    private int deletes;

    /// <summary>Whether the backend is gone.</summary>
    public bool IsBroken { get; set; }

    /// <summary>What a driver that deletes only names would still hold.</summary>
    public int Kept { get; private set; }

    public async ValueTask<StoreResult<IStoreWriter>> BeginWriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        Meet();
        var begin = await inner.BeginWriteAsync(request, cancellationToken);
        return begin.IsOk ? new Writer(this, begin.Value, request.Attempt.ImageId) : begin;
    }

    public async ValueTask<StoreResult<IByteSource>> OpenAsync(string location, CancellationToken cancellationToken)
    {
        if (IsBroken && sabotage == Sabotage.TakesSilenceForAbsence)
            return StoreOutcome.Absent;
        Meet();
        var open = await inner.OpenAsync(location, cancellationToken);
        return open.IsOk ? new Source(this, open.Value, location) : open;
    }

    public async ValueTask<StoreOutcome> DeleteAsync(string location, CancellationToken cancellationToken)
    {
        Meet();
        if (sabotage == Sabotage.DeletesFaultily)
        {
            // Both are in before either goes on, or the one that is alone gives up waiting.
            Interlocked.Increment(ref deletes);
            for (var waited = 0; Volatile.Read(ref deletes) < 2 && waited < 500; waited++)
                await Task.Delay(1, cancellationToken);
            var outcome = await inner.DeleteAsync(location, cancellationToken);
            return outcome == StoreOutcome.Absent ? StoreOutcome.InUse : outcome;
        }

        var deleted = await inner.DeleteAsync(location, cancellationToken);
        if (deleted == StoreOutcome.Ok && sabotage == Sabotage.DeletesOnlyTheName)
            Kept++;
        return deleted;
    }

    public async IAsyncEnumerable<Residue> ListResidueAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Meet();
        await foreach (var residue in inner.ListResidueAsync(cancellationToken))
        {
            if (sabotage != Sabotage.ListsNothing)
                yield return residue;
        }
    }

    public ValueTask SettleAsync(WriteAttempt attempt, bool keepCommitted, CancellationToken cancellationToken)
    {
        Meet();
        return inner.SettleAsync(attempt, keepCommitted, cancellationToken);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private void Meet()
    {
        if (!IsBroken)
            return;
        if (sabotage == Sabotage.ThrowsRaw)
            throw new HttpRequestException("Connection refused");
        throw new StoreException(StoreError.Unavailable, "The backend is gone.");
    }

    private sealed class Writer(SabotagedDriver driver, IStoreWriter inner, string imageId) : IStoreWriter
    {
        private bool committed;

        public int PreferredWriteSize => inner.PreferredWriteSize;

        public ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
        {
            driver.Meet();
            return inner.WriteAsync(data, cancellationToken);
        }

        public ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
        {
            driver.Meet();
            return inner.WriteZerosAsync(length, driver.Sabotages(Sabotage.IgnoresCancelledZeros) ? CancellationToken.None : cancellationToken);
        }

        public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
        {
            driver.Meet();
            var commit = await inner.CommitAsync(cancellationToken);
            committed |= commit.IsOk;
            return commit;
        }

        public async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync();
            if (!committed && driver.Sabotages(Sabotage.GivesUpByName))
                await driver.DeleteAsync($"memory://tested/{imageId}", CancellationToken.None);
        }
    }

    private bool Sabotages(Sabotage what) => sabotage == what;

    private sealed class Source(SabotagedDriver driver, IByteSource inner, string location) : IByteSource
    {
        public long? Length => inner.Length;

        public string? Validator => inner.Validator;

        public ByteSourceHints Hints => inner.Hints;

        public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
        {
            driver.Meet();
            if (!driver.Sabotages(Sabotage.ReadsByName))
                return await inner.ReadAsync(offset, buffer, cancellationToken);
            var open = await driver.OpenAsync(location, cancellationToken);
            if (!open.IsOk)
                return await inner.ReadAsync(offset, buffer, cancellationToken);
            await using var now = ((Source)open.Value).Bytes;
            return await now.ReadAsync(offset, buffer, cancellationToken);
        }

        public async ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
        {
            await ReadAsync(offset, Memory<byte>.Empty, cancellationToken);
            return new ByteSourceStream(this, offset, length);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private IByteSource Bytes => inner;
    }
}
