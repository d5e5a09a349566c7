using System.Buffers;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Blocks;

/// <summary>A reader of a cached object: what is there from the disk, what is missing through the cache, and what finds no room past it.</summary>
internal class CachedSource : IByteSource
{
    private readonly CachedObject _cached;
    private readonly SharedSource _source;
    private int _disposed;

    private CachedSource(CachedObject cached, SharedSource source)
    {
        (_cached, _source) = (cached, source);
        Hints = new ByteSourceHints(cached.BlockBytes, Math.Max(4, source.Opened?.Hints.Parallelism ?? 1), Ranges: true);
    }

    public long? Length => _cached.Length;

    public string? Validator => _source.Opened?.Validator;

    public ByteSourceHints Hints { get; }

    /// <summary>Makes a reader.</summary>
    /// <param name="cached">Entered already; left with the dispose.</param>
    /// <param name="source">Taken over.</param>
    public static CachedSource Over(CachedObject cached, SharedSource source) =>
        source.Opened is IExtentMap map ? new WithExtents(cached, source, map) : new CachedSource(cached, source);

    public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (offset >= _cached.Length || buffer.IsEmpty)
            return ValueTask.FromResult(0);
        buffer = buffer[..(int)Math.Min(buffer.Length, _cached.Length - offset)];
        _cached.ReadAhead(_source, offset, buffer.Length, declared: false, long.MaxValue);
        var there = _cached.ReadPresent(offset, buffer.Span);
        return there == buffer.Length ? ValueTask.FromResult(there) : ReadRestAsync(offset, buffer, there, cancellationToken);
    }

    public async ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var end = length is { } wanted && wanted < _cached.Length - offset ? offset + wanted : _cached.Length;
        if (offset == 0 && end == _cached.Length && _source.Opened is { Hints.Ranges: false } whole && _cached.IsWorthPassing)
            return await whole.OpenRangeAsync(0, null, cancellationToken);
        return new CachedStream(this, offset, Math.Max(offset, end));
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _cached.Leave();
        await _source.ReleaseAsync();
    }

    /// <summary>Reads from the source itself.</summary>
    internal async ValueTask<int> ReadDirectAsync(long offset, Memory<byte> target, CancellationToken cancellationToken)
    {
        var source = await _source.GetAsync(cancellationToken);
        int read;
        if (source.Hints.Ranges)
        {
            read = await source.ReadAsync(offset, target, cancellationToken);
        }
        else
        {
            await using var stream = await OpenDirectAsync(offset, cancellationToken);
            read = await stream.ReadAtLeastAsync(target, target.Length, throwOnEndOfStream: false, cancellationToken);
        }

        if (read < target.Length)
            throw new StoreException(StoreError.Corrupt, $"The object ends at byte {offset + read} of {_cached.Length}.", _cached.Key.Id);
        _cached.CountDirect(read);
        return read;
    }

    /// <summary>Opens a stream of the source itself, from an offset on.</summary>
    internal async ValueTask<Stream> OpenDirectAsync(long offset, CancellationToken cancellationToken)
    {
        var source = await _source.GetAsync(cancellationToken);
        if (source.Hints.Ranges)
            return await source.OpenRangeAsync(offset, null, cancellationToken);
        var stream = await source.OpenRangeAsync(0, null, cancellationToken);
        var waste = ArrayPool<byte>.Shared.Rent(256 << 10);
        try
        {
            for (var left = offset; left > 0;)
            {
                var read = await stream.ReadAsync(waste.AsMemory(0, (int)Math.Min(waste.Length, left)), cancellationToken);
                if (read == 0)
                    throw new StoreException(StoreError.Corrupt, $"The object ends before byte {offset} of {_cached.Length}.", _cached.Key.Id);
                left -= read;
            }

            return stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(waste);
        }
    }

    private async ValueTask<int> ReadRestAsync(long offset, Memory<byte> buffer, int done, CancellationToken cancellationToken)
    {
        while (done < buffer.Length)
        {
            var read = await _cached.ReadAsync(_source, offset + done, buffer[done..], cancellationToken);
            if (read == 0)
                read = await ReadDirectAsync(offset + done, buffer[done..], cancellationToken);
            done += read;
        }

        return done;
    }

    private sealed class WithExtents(CachedObject cached, SharedSource source, IExtentMap map) : CachedSource(cached, source), IExtentMap
    {
        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken) => map.GetExtentAsync(offset, cancellationToken);
    }

    /// <summary>A forward reader. Once it had to go past the cache it stays there, on one stream of the source, to its end.</summary>
    private sealed class CachedStream(CachedSource reader, long start, long end) : Stream
    {
        private long _offset = start;
        private Stream? _direct;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException("A forward stream does not tell its length.");

        public override long Position
        {
            get => throw new NotSupportedException("A forward stream has no position.");
            set => throw new NotSupportedException("A forward stream has no position.");
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (end - _offset < buffer.Length)
                buffer = buffer[..(int)(end - _offset)];
            if (buffer.IsEmpty)
                return 0;
            var read = 0;
            if (_direct is null)
            {
                var cached = reader._cached;
                cached.ReadAhead(reader._source, _offset, buffer.Length, declared: true, end);
                read = await cached.ReadAsync(reader._source, _offset, buffer, cancellationToken);
                if (read == 0)
                    _direct = await reader.OpenDirectAsync(_offset, cancellationToken);
            }

            if (_direct is not null)
            {
                read = await _direct.ReadAsync(buffer, cancellationToken);
                if (read == 0)
                    throw new StoreException(StoreError.Corrupt, $"The object ends at byte {_offset} of {reader._cached.Length}.", reader._cached.Key.Id);
                reader._cached.CountDirect(read);
            }

            _offset += read;
            return read;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async ValueTask DisposeAsync()
        {
            if (_direct is { } direct)
            {
                _direct = null;
                await direct.DisposeAsync();
            }

            await base.DisposeAsync();
        }

        public override int Read(byte[] buffer, int offset, int count) =>
            throw new NotSupportedException("Read it asynchronously: a blocked thread per download does not scale.");

        public override void Flush()
        {
            // Nothing is buffered.
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A forward stream cannot seek.");

        public override void SetLength(long value) => throw new NotSupportedException("A source is never written.");

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("A source is never written.");

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _direct?.Dispose();
            base.Dispose(disposing);
        }
    }
}
