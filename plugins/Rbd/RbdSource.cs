using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// An open image at its snapshot. Reads are asynchronous requests of librbd, any number at once.
/// <para>
/// An image that is read can be deleted by others, and librbd then reads zeros: an object that is gone looks like a hole. So whenever a stretch
/// of a read that lies in one object is all zeros, the header is asked whether the snapshot still exists, after the data came: a deletion
/// removes it first and the objects later. Bytes that are not zero come from an object that was there. An image without a snapshot, which only
/// a short location of an old release names, has no such order to rely on; there only a header that is gone is noticed.
/// </para>
/// <para>A connection that died is replaced; the image must then still be the same one, or the source has changed.</para>
/// </summary>
internal sealed partial class RbdSource(RbdSettings settings, CephConnection connection, RbdPlace place) : IByteSource, IExtentMap
{
    private const int LargestRead = 4 * 1024 * 1024;
    private const int MostReads = 64;

    private readonly SemaphoreSlim reads = new(MostReads);
    private readonly SemaphoreSlim opening = new(1);
    private volatile Opened? opened;
    private volatile bool disposed;

    public long? Length => opened!.Size;

    public string Validator => opened!.Validator;

    public ByteSourceHints Hints { get; } = new(BestRequestSize: LargestRead, Parallelism: 16, Ranges: true);

    /// <summary>Opens the image.</summary>
    /// <exception cref="CephException">It is not there, or may not be read.</exception>
    public async Task OpenAsync(CancellationToken cancellationToken) =>
        opened = await connection.RunAsync(Open, cancellationToken, late => late.Image.Close(mayBlock: true));

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var total = (int)Math.Min(buffer.Length, Math.Max(0, opened!.Size - offset));
        var done = 0;
        while (done < total)
        {
            var count = Math.Min(total - done, LargestRead);
            var block = ArrayPool<byte>.Shared.Rent(count);
            var reading = FillAsync(offset + done, block, count);
            try
            {
                await WaitAsync(reading, cancellationToken);
                block.AsSpan(0, count).CopyTo(buffer.Span[done..]);
            }
            finally
            {
                // After a cancellation librbd still writes into the block; it goes back to the pool when that has ended.
                GiveBack(reading, block);
            }

            done += count;
        }

        return done;
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = Math.Min(Math.Max(0, opened!.Size - offset), length ?? long.MaxValue);
        return ValueTask.FromResult<Stream>(count == 0 ? Stream.Null : new ReadAheadStream(this, offset, offset + count, settings.ReadsInFlight));
    }

    public ValueTask DisposeAsync()
    {
        if (!disposed)
        {
            disposed = true;
            opened?.Image.Close(mayBlock: false);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Fills a block from an offset; it must not be touched until the task has ended, which a cancellation cannot speed up.</summary>
    internal async Task FillAsync(long offset, byte[] block, int count)
    {
        await reads.WaitAsync();
        try
        {
            for (var again = false; ; again = true)
            {
                var current = await EnterAsync();
                try
                {
                    await FillAsync(current, offset, block, count);
                    break;
                }
                catch (CephException failure)
                {
                    current.Image.Cluster.Judge(failure.Error);
                    ObjectDisposedException.ThrowIf(disposed, this);
                    if (again || !Errno.IsDeadConnection(failure.Error))
                        throw failure.ToFault(place.Image);
                }
                finally
                {
                    current.Image.Leave(mayBlock: false);
                }
            }

            ObjectDisposedException.ThrowIf(disposed, this);
        }
        finally
        {
            reads.Release();
        }
    }

    /// <summary>Waits for a block as long as reading it, and opening the image again before that, may take; what was given up goes on.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Unavailable"/>: it took longer.</exception>
    internal async Task WaitAsync(Task reading, CancellationToken cancellationToken)
    {
        try
        {
            await reading.WaitAsync(settings.LongestConnect + (settings.LongestSilence * 2), cancellationToken);
        }
        catch (TimeoutException)
        {
            opened!.Image.Cluster.Retire();
            throw new StoreException(StoreError.Unavailable, "Ceph's library gave no answer to a read.", place.Image);
        }
    }

    /// <summary>Returns a block to the pool, now or when nothing fills it any more.</summary>
    internal static void GiveBack(Task reading, byte[] block)
    {
        if (reading.IsCompleted)
        {
            _ = reading.Exception;
            ArrayPool<byte>.Shared.Return(block);
            return;
        }

        _ = reading.ContinueWith(
            ended =>
            {
                _ = ended.Exception;
                ArrayPool<byte>.Shared.Return(block);
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private static async Task FillAsync(Opened current, long offset, byte[] block, int count)
    {
        var pinned = GCHandle.Alloc(block, GCHandleType.Pinned);
        int read;
        try
        {
            read = CephException.Check(await current.Image.ReadAsync(offset, pinned.AddrOfPinnedObject(), count), "The image could not be read");
        }
        finally
        {
            pinned.Free();
        }

        if (read != count)
            throw new StoreException(StoreError.Changed, $"The image ends at byte {offset + read}, before its length of {current.Size}.");
        if (HasEmptyStretch(block.AsSpan(0, count), offset, current.StripeUnit))
            await RequireSnapshotAsync(current);
    }

    // Whether the part of a read that lies in one object may come from an object that is not there.
    private static bool HasEmptyStretch(ReadOnlySpan<byte> bytes, long offset, long unit)
    {
        while (!bytes.IsEmpty)
        {
            var count = (int)Math.Min(bytes.Length, unit - (offset % unit));
            if (!bytes[..count].ContainsAnyExcept((byte)0))
                return true;
            bytes = bytes[count..];
            offset += count;
        }

        return false;
    }

    private static async Task RequireSnapshotAsync(Opened current)
    {
        var input = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(input, current.SnapshotId ?? 0);

        // cls_rbd's questions to a header; both fail with -ENOENT when what they ask for is gone.
        var answer = await (current.SnapshotId is null
            ? Completion.ExecuteAsync(current.Image.Cluster.Io, PoolImages.HeaderOf(current.Id), "rbd", "get_create_timestamp", [])
            : Completion.ExecuteAsync(current.Image.Cluster.Io, PoolImages.HeaderOf(current.Id), "rbd", "snapshot_get", input));
        if (answer == -Errno.ENOENT)
            throw new StoreException(StoreError.Changed, "The image was deleted after it was opened.");
        CephException.Check(answer, "Whether the image still exists could not be found out");
    }

    // The open image, opened again on another connection when its own died.
    private async Task<Opened> EnterAsync()
    {
        while (true)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            var current = opened!;
            if (!current.Image.Cluster.IsRetired && current.Image.TryEnter())
                return current;
            await opening.WaitAsync();
            try
            {
                if (opened == current && !disposed)
                    await ReopenAsync(current);
            }
            finally
            {
                opening.Release();
            }
        }
    }

    private async Task ReopenAsync(Opened old)
    {
        Opened fresh;
        try
        {
            fresh = await connection.RunAsync(Open, CancellationToken.None);
        }
        catch (CephException failure)
        {
            throw failure.Error == Errno.ENOENT
                ? new StoreException(StoreError.Changed, "The image was deleted after it was opened.", place.Image)
                : failure.ToFault(place.Image);
        }

        if (fresh.Validator != old.Validator || fresh.Size != old.Size)
        {
            fresh.Image.Close(mayBlock: false);
            throw new StoreException(StoreError.Changed, "The image was replaced after it was opened.", place.Image);
        }

        opened = fresh;
        old.Image.Close(mayBlock: false);
        if (disposed)
            fresh.Image.Close(mayBlock: false);
    }

    private Opened Open(CephCluster cluster)
    {
        var snapshot = place.Snapshot ?? RbdNames.Snapshot;
        var result = RbdImage.TryOpenReadOnly(cluster, place.Image, snapshot, out var image);
        if (result == -Errno.ENOENT && place.Snapshot is null)
        {
            snapshot = null;
            result = RbdImage.TryOpenReadOnly(cluster, place.Image, snapshot, out image);
        }

        if (result == -Errno.ENOENT && !cluster.HasPool(settings.Pool))
        {
            cluster.Retire();
            throw new StoreException(StoreError.Unavailable, $"The pool '{settings.Pool}' is gone.");
        }

        CephException.Check(result, "The image could not be opened");
        try
        {
            ulong? snapshotId = null;
            if (snapshot is not null)
            {
                CephException.Check(Librbd.rbd_snap_get_id(image!.Handle, snapshot, out var found), "The snapshot could not be examined");
                snapshotId = found;
            }

            CephException.Check(Librbd.rbd_get_size(image!.Handle, out var size), "The image's size is not known");
            CephException.Check(Librbd.rbd_get_stripe_unit(image.Handle, out var unit), "The image's layout is not known");
            return new Opened(image, ReadId(image), snapshotId, (long)size, (long)unit);
        }
        catch
        {
            image!.Close(mayBlock: true);
            throw;
        }
    }

    private static unsafe string ReadId(RbdImage image)
    {
        var buffer = stackalloc byte[128];
        CephException.Check(Librbd.rbd_get_id(image.Handle, buffer, 128), "The image's id is not known");
        return Marshal.PtrToStringUTF8((nint)buffer)!;
    }

    /// <summary>What one opening found.</summary>
    private sealed record Opened(RbdImage Image, string Id, ulong? SnapshotId, long Size, long StripeUnit)
    {
        public string Validator { get; } = $"{Id}@{SnapshotId}";
    }
}
