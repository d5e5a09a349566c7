using GlanceGateway.Abstractions;

namespace GlanceGateway.Blocks.Tests;

/// <summary>A backend that counts what it is asked, and fails on request.</summary>
internal sealed class TestSource(byte[] bytes)
{
    private readonly int[] _sent = new int[(bytes.Length / Grain) + 1];
    private readonly Random _random = new(4711);
    private int _requests;
    private int _open;

    public const int Grain = 64 << 10;

    /// <summary>Whether it can begin in the middle.</summary>
    public bool Ranges { get; init; } = true;

    /// <summary>How likely a request or a piece of one fails.</summary>
    public double FaultRate { get; set; }

    /// <summary>When not null, data flows only once this is done.</summary>
    public Task? Gate { get; set; }

    /// <summary>What it sends instead of its bytes; null for the truth.</summary>
    public byte[]? Lie { get; set; }

    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Sources that were opened and not disposed.</summary>
    public int StillOpen => Volatile.Read(ref _open);

    /// <summary>How often the piece that was sent most often was sent.</summary>
    public int MostSent => _sent.Max();

    /// <summary>Pieces that were sent at all.</summary>
    public int PiecesSent => _sent.Count(n => n > 0);

    public IByteSource Open(bool extents = false)
    {
        Interlocked.Increment(ref _open);
        return extents ? new WithExtents(this) : new Opened(this);
    }

    private void MayFail()
    {
        bool fails;
        lock (_random)
            fails = _random.NextDouble() < FaultRate;
        if (fails)
            throw new StoreException(StoreError.Unavailable, "The backend is ill.");
    }

    private class Opened(TestSource owner) : IByteSource
    {
        private int _disposed;

        protected byte[] Bytes => owner.Lie ?? owner.Content;

        public long? Length => owner.Content.Length;

        public string? Validator => "v1";

        public ByteSourceHints Hints => new(1 << 20, 4, owner.Ranges);

        public async ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (!owner.Ranges)
                throw new NotSupportedException("This backend has no ranges.");
            Interlocked.Increment(ref owner._requests);
            if (owner.Gate is { } gate)
                await gate.WaitAsync(cancellationToken);
            owner.MayFail();
            return Copy(offset, buffer);
        }

        public async ValueTask<Stream> OpenRangeAsync(long offset, long? length, CancellationToken cancellationToken)
        {
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            if (!owner.Ranges && offset != 0)
                throw new NotSupportedException("This backend has no ranges.");
            Interlocked.Increment(ref owner._requests);
            if (owner.Gate is { } gate)
                await gate.WaitAsync(cancellationToken);
            owner.MayFail();
            return new Sent(this, offset, Math.Min(Bytes.Length, offset + (length ?? Bytes.Length)), owner);
        }

        public ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
                Interlocked.Decrement(ref owner._open);
            return default;
        }

        private int Copy(long offset, Memory<byte> buffer)
        {
            if (offset >= Bytes.Length)
                return 0;
            var count = (int)Math.Min(buffer.Length, Bytes.Length - offset);
            Bytes.AsMemory((int)offset, count).CopyTo(buffer);
            for (var piece = offset / Grain; piece <= (offset + count - 1) / Grain; piece++)
            {
                // A piece counts when its first byte goes.
                if (piece * Grain >= offset)
                    Interlocked.Increment(ref owner._sent[piece]);
            }

            return count;
        }

        private sealed class Sent(Opened source, long start, long end, TestSource owner) : MemoryStream
        {
            private long _at = start;

            public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                await Task.Yield();
                cancellationToken.ThrowIfCancellationRequested();
                owner.MayFail();
                var count = source.Copy(_at, buffer[..(int)Math.Min(Math.Min(buffer.Length, 100_000), end - _at)]);
                _at += count;
                return count;
            }
        }
    }

    private byte[] Content { get; } = bytes;

    private sealed class WithExtents(TestSource owner) : Opened(owner), IExtentMap
    {
        public ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken)
        {
            var rest = Bytes.AsSpan((int)offset);
            var isHole = rest[0] == 0;
            var run = isHole ? rest.IndexOfAnyExcept((byte)0) : rest.IndexOf((byte)0);
            return ValueTask.FromResult(new Extent(offset, run < 0 ? rest.Length : run, isHole));
        }
    }
}
