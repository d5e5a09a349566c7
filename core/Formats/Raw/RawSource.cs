using GlanceGateway.Abstractions;

namespace GlanceGateway.Formats.Raw;

/// <summary>
/// The disk inside an image as a source: runs of data that lie together in the file are read by one request into the caller's buffer, holes are
/// zeros without a request, compressed clusters are unpacked once for the readers that follow each other through them.
/// </summary>
internal sealed class RawSource(IByteSource source, ImageFile file, RawDisk disk) : IByteSource, IExtentMap
{
    /// <summary>Bytes of unpacked clusters kept per open view: four of the largest clusters, 128 of the usual ones.</summary>
    private const long UnpackedLength = 8 << 20;

    /// <summary>Look-ups for one question about holes: bounds the time of one over a huge disk of small clusters. The run is then told in pieces.</summary>
    private const int MaxLookups = 1 << 16;

    /// <summary>Some formats allow clusters of a GiB.</summary>
    private const int MaxHint = 2 << 20;

    private readonly LoadingCache _unpacked = new(UnpackedLength);

    /// <inheritdoc/>
    public long? Length => disk.Length;

    /// <inheritdoc/>
    public string? Validator => source.Validator;

    /// <inheritdoc/>
    public ByteSourceHints Hints { get; } = source.Hints with { BestRequestSize = Math.Max(source.Hints.BestRequestSize, Math.Min(disk.ClusterLength, MaxHint)), Ranges = true };

    /// <inheritdoc/>
    public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (offset >= disk.Length || buffer.IsEmpty)
        {
            return 0;
        }

        buffer = buffer[..(int)Math.Min(buffer.Length, disk.Length - offset)];
        var done = 0;
        var run = await disk.FindAsync(offset, cancellationToken);
        while (true)
        {
            var length = (int)Math.Min(run.Length, buffer.Length - done);
            Run next = default;
            while (done + length < buffer.Length)
            {
                next = await disk.FindAsync(offset + done + length, cancellationToken);
                if (!Continues(run, length, next))
                {
                    break;
                }

                length += (int)Math.Min(next.Length, buffer.Length - done - length);
            }

            await ReadRunAsync(run, buffer.Slice(done, length), cancellationToken);
            done += length;
            if (done == buffer.Length)
            {
                return done;
            }

            run = next;
        }
    }

    /// <inheritdoc/>
    public ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken) =>
        ValueTask.FromResult<Stream>(new ByteSourceStream(this, offset, length));

    /// <inheritdoc/>
    public async ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, disk.Length);
        var first = await disk.FindAsync(offset, cancellationToken);
        var isHole = first.Kind == RunKind.Zero;
        var end = offset + first.Length;
        for (var lookups = 1; end < disk.Length && lookups < MaxLookups; lookups++)
        {
            var next = await disk.FindAsync(end, cancellationToken);
            if ((next.Kind == RunKind.Zero) != isHole)
            {
                break;
            }

            end += next.Length;
        }

        return new Extent(offset, Math.Min(end, disk.Length) - offset, isHole);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => source.DisposeAsync();

    private static bool Continues(Run run, int length, Run next) =>
        next.Kind == run.Kind && (run.Kind == RunKind.Zero || (run.Kind == RunKind.Data && next.At == run.At + length));

    private async ValueTask ReadRunAsync(Run run, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        switch (run.Kind)
        {
            case RunKind.Zero:
                buffer.Span.Clear();
                break;
            case RunKind.Data:
                await file.ReadDataAsync(run.At, buffer, cancellationToken);
                break;
            default:
                var cluster = await _unpacked.GetAsync(
                    run.At, disk.ClusterLength, (disk, run), static state => state.disk.UnpackAsync(state.run.At, state.run.PackedLength), cancellationToken);
                if (cluster.Length < run.Skip + buffer.Length)
                {
                    throw new StoreException(StoreError.Corrupt, "The disk image is damaged: a compressed cluster is shorter than it should be.");
                }

                cluster.Span.Slice(run.Skip, buffer.Length).CopyTo(buffer.Span);
                break;
        }
    }
}
