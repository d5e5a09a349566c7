using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sheepdog;

/// <summary>
/// An open image: its map, as it was when the image was opened, and reads of data objects under it. The map's 4 bytes an object are all that it
/// keeps (1 KiB per GiB of image with objects of 4 MiB). What the map calls a hole never asks the cluster.
/// </summary>
internal sealed class SheepdogSource(Cluster cluster, SheepdogSettings settings, Inode inode, uint[] map) : IByteSource, IExtentMap
{
    private const int LargestRequest = 4 * 1024 * 1024;

    private readonly SemaphoreSlim free = new(2 * settings.RequestsInFlight);
    private volatile bool disposed;

    public long? Length => inode.Size;

    public string Validator { get; } = $"{inode.VdiId:x}-{inode.CreateTime:x}-{inode.Size:x}";

    public ByteSourceHints Hints { get; } =
        new((int)Math.Min(LargestRequest, inode.ObjectSize), settings.RequestsInFlight, Ranges: true);

    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var count = (int)Math.Min(buffer.Length, Math.Max(0, inode.Size - offset));
        var pieces = new List<Task>();
        try
        {
            for (var done = 0; done < count;)
            {
                // A request never crosses the end of an object: the cluster does not check.
                var (index, within) = Math.DivRem(offset + done, inode.ObjectSize);
                var length = (int)Math.Min(count - done, Math.Min(LargestRequest - (within % LargestRequest), inode.ObjectSize - within));
                var piece = buffer.Slice(done, length);
                if (map[index] == 0)
                {
                    piece.Span.Clear();
                }
                else
                {
                    await free.WaitAsync(cancellationToken);
                    pieces.Add(ReadPieceAsync((int)index, (int)within, piece, cancellationToken));
                }

                done += length;
            }
        }
        finally
        {
            // Also after a failure: the buffer is the caller's again only when nothing fills it any more.
            await Task.WhenAll(pieces);
        }

        return count;
    }

    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var end = length is { } bytes && bytes < inode.Size - offset ? offset + bytes : inode.Size;
        return ValueTask.FromResult<Stream>(new ReadAheadStream(this, Hints.BestRequestSize, Hints.Parallelism, offset, end));
    }

    public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, inode.Size);
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var first = (int)(offset / inode.ObjectSize);
        var isHole = map[first] == 0;
        var rest = map.AsSpan(first);
        var run = isHole ? rest.IndexOfAnyExcept(0u) : rest.IndexOf(0u);
        var end = run < 0 ? inode.Size : Math.Min(inode.Size, (first + run) * inode.ObjectSize);
        return ValueTask.FromResult(new Extent(offset, end - offset, isHole));
    }

    public ValueTask DisposeAsync()
    {
        disposed = true;
        return ValueTask.CompletedTask;
    }

    private async Task ReadPieceAsync(int index, int within, Memory<byte> piece, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await cluster.ReadAsync(map[index], index, within, piece, cancellationToken);
            if (answer.Result == SheepResult.NoObject)
                throw new StoreException(StoreError.Changed, "The image was deleted while it was being read.", inode.Name);
            Cluster.Expect(answer, "The image could not be read", inode.Name);
        }
        catch (StoreException fault) when (disposed)
        {
            throw new ObjectDisposedException("The image was closed while it was being read.", fault);
        }
        finally
        {
            free.Release();
        }
    }
}
