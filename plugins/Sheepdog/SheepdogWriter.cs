using System.Buffers;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>
/// One attempt: a bounded number of pieces on their way into data objects of the attempt's own vdi. A piece is a whole object where objects
/// have up to 4 MiB; of larger ones the first piece makes the object and the others follow it one by one. What is zero is never sent: an
/// object that nobody made, and the rest of a made one, read as zeros.
/// <para>
/// The map is written after the objects that it names, once per window of <see cref="SheepdogDriver.WindowObjects"/>; before the first object of
/// a window is made, the vdi's size has grown to the window's end, so that a successor knows where unnamed objects may be.
/// </para>
/// </summary>
internal sealed class SheepdogWriter : IStoreWriter
{
    private const int LargestPiece = 4 * 1024 * 1024;

    private readonly SheepdogDriver driver;
    private readonly Cluster cluster;
    private readonly WriteAttempt attempt;
    private readonly Inode inode;
    private readonly int pieceSize;
    private readonly SemaphoreSlim free;
    private readonly List<Task> underWay = [];
    private readonly uint[] window = new uint[SheepdogDriver.WindowObjects];
    private int windowStart = -1;
    private long length;
    private byte[]? piece;
    private int pieceFrom;
    private int pieceTo;
    private int madeObject = -1;
    private Task<bool> making = Task.FromResult(true);
    private Failure? failure;
    private bool mapIsComplete;
    private bool disposed;
    private StoreResult<StoredObject>? committed;

    public SheepdogWriter(SheepdogDriver driver, Cluster cluster, SheepdogSettings settings, WriteAttempt attempt, Inode inode)
    {
        this.driver = driver;
        this.cluster = cluster;
        this.attempt = attempt;
        this.inode = inode;
        pieceSize = (int)Math.Min(LargestPiece, inode.ObjectSize);

        // One more than may travel: the piece that is being filled.
        free = new SemaphoreSlim(settings.RequestsInFlight + 1);
    }

    public int PreferredWriteSize => 1024 * 1024;

    public async ValueTask<StoreOutcome> WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (length + data.Length > inode.LargestSize)
            return StoreOutcome.Full;
        while (!data.IsEmpty)
        {
            if (Volatile.Read(ref failure) is { } failed)
                return Report(failed);
            var within = (int)(length % pieceSize);
            var count = Math.Min(pieceSize - within, data.Length);
            if (data.Span[..count].ContainsAnyExcept((byte)0))
                await FillAsync(within, data[..count], cancellationToken);
            length += count;
            data = data[count..];
            if (within + count == pieceSize)
                await SendPieceAsync(cancellationToken);
        }

        return Volatile.Read(ref failure) is { } happened ? Report(happened) : StoreOutcome.Ok;
    }

    public async ValueTask<StoreOutcome> WriteZerosAsync(long length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (length > inode.LargestSize - this.length)
            return StoreOutcome.Full;
        var leavesPiece = (this.length % pieceSize) + length >= pieceSize;
        if (leavesPiece)
            await SendPieceAsync(cancellationToken);
        this.length += length;
        return Volatile.Read(ref failure) is { } failed ? Report(failed) : StoreOutcome.Ok;
    }

    public async ValueTask<StoreResult<StoredObject>> CommitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (committed is { } already)
            return already;
        if (!mapIsComplete)
        {
            if (Volatile.Read(ref failure) is { } before)
                return Report(before);
            await driver.ThrowIfSettledAsync(attempt, inode, cancellationToken);
            await SendPieceAsync(cancellationToken);
            await WriteMapAsync(cancellationToken);
            if (Volatile.Read(ref failure) is { } failed)
                return Report(failed);
            mapIsComplete = true;
        }

        var result = await driver.PublishAsync(attempt, inode, length, cancellationToken);
        if (result.IsOk)
            committed = result;
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;

        // A lost connection has failed them all; a silent node is given up after the operation time-out.
        await Task.WhenAll(underWay);
        if (piece is not null)
            ArrayPool<byte>.Shared.Return(piece);
        if (committed is null)
            await driver.AbandonAsync(attempt);
        free.Dispose();
    }

    private async ValueTask FillAsync(int within, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        if (piece is null)
        {
            await free.WaitAsync(cancellationToken);
            piece = ArrayPool<byte>.Shared.Rent(pieceSize);
            pieceFrom = pieceTo = within;
        }

        // Zeros between two runs of data in one piece are sent with them.
        piece.AsSpan(pieceTo, within - pieceTo).Clear();
        data.Span.CopyTo(piece.AsSpan(within));
        pieceTo = within + data.Length;
    }

    // Sends what is in the piece that ends at, or holds, the current length.
    private async ValueTask SendPieceAsync(CancellationToken cancellationToken)
    {
        if (piece is null)
            return;
        var start = (length - 1) / pieceSize * pieceSize;
        var index = (int)(start / inode.ObjectSize);
        if (windowStart < 0 || index >= windowStart + window.Length)
            await EnterWindowAsync(index, cancellationToken);

        var (buffer, from, to) = (piece, pieceFrom, pieceTo);
        piece = null;
        var after = index == madeObject ? making : null;
        making = SendAsync(buffer, index, (int)(start % inode.ObjectSize) + from, from, to - from, after);
        madeObject = index;
        underWay.RemoveAll(task => task.IsCompleted);
        underWay.Add(making);
    }

    private async Task<bool> SendAsync(byte[] buffer, int index, int offset, int from, int count, Task<bool>? after)
    {
        try
        {
            if (Volatile.Read(ref failure) is not null || (after is not null && !await after))
                return false;
            var answer = await cluster.WriteAsync(inode, index, offset, buffer.AsMemory(from, count), create: after is null);
            if (answer.Result == SheepResult.Ok)
            {
                window[index - windowStart] = inode.VdiId;
                return true;
            }

            Interlocked.CompareExchange(ref failure, new Failure(answer.Result, null), null);
        }
        catch (StoreException fault)
        {
            Interlocked.CompareExchange(ref failure, new Failure(SheepResult.Ok, fault), null);
        }
        catch (ObjectDisposedException)
        {
            var closed = new StoreException(StoreError.Unavailable, "The store was closed.");
            Interlocked.CompareExchange(ref failure, new Failure(SheepResult.Ok, closed), null);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            free.Release();
        }

        return false;
    }

    private async ValueTask EnterWindowAsync(int index, CancellationToken cancellationToken)
    {
        await WriteMapAsync(cancellationToken);
        if (Volatile.Read(ref failure) is not null)
            return;
        if (windowStart >= 0)
            await driver.ThrowIfSettledAsync(attempt, inode, cancellationToken);
        windowStart = index / window.Length * window.Length;
        var size = Math.Min((long)(windowStart + window.Length), Inode.MapEntries) * inode.ObjectSize;
        await ChangeInodeAsync(cluster.WriteInodeAsync(inode, Inode.SizeOffset, BitConverter.GetBytes(size), CancellationToken.None), cancellationToken);
    }

    // Only when all objects that it names are answered. Also the end of the attempt when it fails without an answer: a copy of the request that
    // lingers in the cluster must not meet the clone.
    private async ValueTask WriteMapAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(underWay).WaitAsync(cancellationToken);
        underWay.Clear();
        var first = Array.FindIndex(window, entry => entry != 0);
        if (first < 0 || Volatile.Read(ref failure) is not null)
            return;
        var last = Array.FindLastIndex(window, entry => entry != 0);
        await ChangeInodeAsync(cluster.WriteMapAsync(inode, windowStart + first, window.AsSpan(first, last - first + 1), CancellationToken.None), cancellationToken);
        window.AsSpan().Clear();
    }

    private async Task ChangeInodeAsync(Task<SheepAnswer> change, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await change;
            if (answer.Result != SheepResult.Ok)
                Interlocked.CompareExchange(ref failure, new Failure(answer.Result, null), null);
        }
        catch (StoreException fault)
        {
            Interlocked.CompareExchange(ref failure, new Failure(SheepResult.Ok, fault), null);
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private StoreOutcome Report(Failure failed)
    {
        if (failed.Fault is { } fault)
            throw new StoreException(fault.Error, fault.Message, attempt.ImageId);
        return Refusals.OutcomeOf(failed.Result) ?? throw Refusals.Of(failed.Result, "The image could not be written", attempt.ImageId);
    }

    /// <summary>Why the attempt cannot go on: an answer, or no answer.</summary>
    private sealed record Failure(SheepResult Result, StoreException? Fault);
}
