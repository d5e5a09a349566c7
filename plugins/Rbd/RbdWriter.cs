using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// One attempt. Bytes are collected in a native buffer that ends on a multiple of its size, so that no write crosses an object; a full buffer
/// travels while the next is filled. At most <c>writes_in_flight</c> travel: then the next write waits. The failure of one is reported by
/// the next call. Zeros are skipped; an image of unknown size grows before a write would pass its end, and is cut at the commit.
/// </summary>
internal sealed class RbdWriter(
    RbdDriver driver, RbdSettings settings, NativeBuffers buffers, WriteAttempt attempt, RbdImage opened, string id, long initialSize) : IStoreWriter
{
    // Each growth is a round trip or two and the cut at the end one request per object: a quarter more keeps both small.
    private const long SmallestGrowth = 64L * 1024 * 1024;
    private const long LargestGrowth = 8L * 1024 * 1024 * 1024;
    private static readonly byte[] zeros = new byte[1024 * 1024];

    private readonly string name = RbdNames.NameOf(attempt);
    private readonly SemaphoreSlim turn = new(1);
    private readonly SemaphoreSlim free = new(settings.WritesInFlight);
    private RbdImage? image = opened;
    private long size = initialSize;
    private long length;
    private nint current;
    private long currentOffset;
    private int currentLength;
    private bool disposed;
    private bool bytesAreStored;
    private bool fenced;
    private int failure;
    private StoredObject? committed;

    public int PreferredWriteSize => Math.Min(1024 * 1024, settings.WriteSize);

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            return await AppendAsync(data, cancellationToken);
        }
        catch (CephException exception)
        {
            return Report(exception);
        }
        finally
        {
            turn.Release();
        }
    }

    public async ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            if (settings.Thin)
            {
                // A new image is a hole everywhere.
                await SendAsync(cancellationToken);
                this.length = checked(this.length + length);
                return Volatile.Read(ref failure) == 0 ? StoreOutcome.Ok : Report();
            }

            while (length > 0)
            {
                var count = (int)Math.Min(length, zeros.Length);
                if (await AppendAsync(zeros.AsMemory(0, count), cancellationToken) is var outcome and not StoreOutcome.Ok)
                    return outcome;
                length -= count;
            }

            return StoreOutcome.Ok;
        }
        catch (CephException exception)
        {
            return Report(exception);
        }
        finally
        {
            turn.Release();
        }
    }

    public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            if (committed is not null)
                return committed;
            if (!bytesAreStored)
            {
                await SendAsync(cancellationToken);
                await DrainAsync(cancellationToken);
                if (Volatile.Read(ref failure) != 0)
                    return Report();
                bytesAreStored = true;
            }

            ThrowIfFenced();

            // Not given up once begun: it might finish after the attempt was settled.
            cancellationToken.ThrowIfCancellationRequested();
            var outcome = await driver.RunAsync(attempt, Publish);
            if (outcome != StoreOutcome.Ok)
                return outcome;
            committed = driver.Stored(attempt, length);
            return committed;
        }
        catch (CephException exception)
        {
            return Report(exception);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Somebody settles the attempt: it can no longer commit, and the image is closed so that it can be removed.</summary>
    public async Task FenceAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            fenced = true;
            await CloseAsync();
        }
        finally
        {
            turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await turn.WaitAsync(CancellationToken.None);
        try
        {
            if (disposed)
                return;
            disposed = true;
            fenced = true;
            await CloseAsync();
        }
        finally
        {
            turn.Release();
        }

        await driver.ReleaseAsync(attempt, committed is not null);
    }

    private async Task<StoreOutcome> AppendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (!data.IsEmpty)
        {
            if (Volatile.Read(ref failure) != 0)
                return Report();
            ThrowIfFenced();
            if (current == 0)
            {
                await free.WaitAsync(cancellationToken);
                current = buffers.Take();
                currentOffset = length;
                currentLength = 0;
            }

            var count = Math.Min(data.Length, Room() - currentLength);
            Copy(data.Span[..count], current + currentLength);
            currentLength += count;
            length += count;
            data = data[count..];
            if (currentLength == Room())
                await SendAsync(cancellationToken);
        }

        return StoreOutcome.Ok;
    }

    // Up to the next multiple of the buffer's size.
    private int Room() => buffers.Size - (int)(currentOffset % buffers.Size);

    private static unsafe void Copy(ReadOnlySpan<byte> data, nint target) => data.CopyTo(new Span<byte>((void*)target, data.Length));

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        if (current == 0)
            return;
        ThrowIfFenced();
        cancellationToken.ThrowIfCancellationRequested();
        var end = currentOffset + currentLength;
        if (end > size)
        {
            var grown = Math.Max(end, size + Math.Clamp(size / 4, SmallestGrowth, LargestGrowth));
            await driver.RunAsync(attempt, cluster => Grow(cluster, grown));
            size = grown;
        }

        var buffer = current;
        current = 0;
        _ = TravelAsync(buffer, currentOffset, currentLength);
    }

    // What is under way on a connection that died is lost, so there is no use in another one.
    private bool Grow(CephCluster cluster, long grown)
    {
        var growing = image;
        if (growing is null || growing.Cluster != cluster || !growing.TryEnter())
            throw new StoreException(StoreError.Unavailable, "The connection to the cluster was lost.", attempt.ImageId);
        try
        {
            CephException.Check(PoolImages.Resize(growing, grown), $"'{name}' could not grow to {grown} bytes");
            return true;
        }
        finally
        {
            growing.Leave(mayBlock: true);
        }
    }

    private async Task TravelAsync(nint buffer, long offset, int count)
    {
        var writing = image!;
        var travelling = writing.WriteAsync(offset, buffer, count);

        // librbd waits for the image's lock without a limit of its own.
        await ((Task)travelling).WaitAsync(settings.LongestSilence).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var result = travelling.IsCompleted ? await travelling : -Errno.ETIMEDOUT;
        if (result < 0)
        {
            writing.Cluster.Judge(-result);
            Interlocked.CompareExchange(ref failure, -result, 0);
        }

        if (travelling.IsCompleted)
            buffers.Return(buffer);
        else
            _ = ReturnLateAsync(travelling, buffer);
        free.Release();
    }

    // librbd still reads it, and holds the image open until then.
    private async Task ReturnLateAsync(Task travelling, nint buffer)
    {
        await travelling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        buffers.Return(buffer);
    }

    // Every step may be the repetition of one that was done although its answer was lost, also over another connection.
    private StoreOutcome Publish(CephCluster cluster)
    {
        if (PoolImages.FindId(cluster, name) == id)
            Finish(cluster);

        var renamed = PoolImages.Rename(cluster, name, attempt.ImageId, id);
        if (renamed == -Errno.EEXIST)
            return StoreOutcome.Duplicate;
        if (renamed == -Errno.ENOENT)
            throw new StoreException(StoreError.Unexpected, "The attempt's image is gone: the attempt was settled meanwhile.", attempt.ImageId);
        CephException.Check(renamed, $"'{name}' could not be given its name");
        return StoreOutcome.Ok;
    }

    private void Finish(CephCluster cluster)
    {
        var writing = image;
        if (writing is null || writing.Cluster != cluster)
        {
            writing?.Close(mayBlock: true);
            image = null;
            CephException.Check(RbdImage.TryOpen(cluster, name, out writing), $"'{name}' could not be opened again");
            image = writing;
        }

        // When this call is abandoned, the writer closes the image beside it.
        if (!writing!.TryEnter())
            throw new CephException(Errno.ENOTCONN, $"'{name}' was closed");
        try
        {
            var handle = writing.Handle;
            CallPulse.Beat();
            CephException.Check(Librbd.rbd_flush(handle), $"'{name}' could not be flushed");
            if (size != length)
                CephException.Check(PoolImages.Resize(writing, length), $"'{name}' could not be cut to {length} bytes");
            size = length;
            CallPulse.Beat();
            CephException.Check(Librbd.rbd_metadata_set(handle, PoolImages.AttemptKey, attempt.AttemptId), "The image's metadata could not be set");
            CallPulse.Beat();
            if (Librbd.rbd_snap_create(handle, RbdNames.Snapshot) is var taken and not -Errno.EEXIST)
                CephException.Check(taken, $"The snapshot of '{name}' could not be taken");
            CallPulse.Beat();
            if (Librbd.rbd_snap_protect(handle, RbdNames.Snapshot) is var kept and not -Errno.EBUSY)
                CephException.Check(kept, $"The snapshot of '{name}' could not be protected");
        }
        finally
        {
            // A try that failed opens it again, so that nothing of an earlier state is believed.
            image = null;
            writing.Close(mayBlock: true);
            writing.Leave(mayBlock: true);
        }
    }

    private async Task CloseAsync()
    {
        if (current != 0)
        {
            buffers.Return(current);
            current = 0;
            free.Release();
        }

        // Each ends, or is left behind, in time.
        await DrainAsync(CancellationToken.None);
        if (image is { } closing)
        {
            image = null;
            await CloseInThreadAsync(closing);
        }
    }

    // In a thread, because it takes a round trip or two; awaited, because the image can be removed only then. But librbd may wait in it until the
    // OSDs of the image's header come back: 6 of 88 did when an OSD stood still while the lock was taken.
    private async Task CloseInThreadAsync(RbdImage closing)
    {
        var running = Task.Factory.StartNew(() => closing.Close(mayBlock: true), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await running.WaitAsync(settings.LongestSilence).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!running.IsCompleted)
            closing.Cluster.Retire();
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        var taken = 0;
        try
        {
            for (; taken < settings.WritesInFlight; taken++)
                await free.WaitAsync(cancellationToken);
        }
        finally
        {
            if (taken > 0)
                free.Release(taken);
        }
    }

    private StoreOutcome Report(CephException? exception = null)
    {
        var failed = exception ?? new CephException(Volatile.Read(ref failure), "The image could not be written");
        return Errno.OutcomeOf(failed.Error) is StoreOutcome.Full or StoreOutcome.Denied ? Errno.OutcomeOf(failed.Error)!.Value : throw failed.ToFault(attempt.ImageId);
    }

    private void ThrowIfFenced()
    {
        if (fenced)
            throw new StoreException(StoreError.Unexpected, "The attempt was settled meanwhile.", attempt.ImageId);
    }
}
