using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;

namespace GlanceGateway.Host.Serving;

/// <summary>
/// Memory for the web server's connections in blocks of 64 KiB instead of its own 4 KiB: a block is what one receive of the socket can
/// take, and image uploads are nothing but receives. Measured over loopback it saves a fifth of an upload's processor time.
/// </summary>
/// <remarks>An idle connection holds no block, because the server waits for data before it takes one.</remarks>
internal sealed class LargeBlocks : IMemoryPoolFactory<byte>
{
    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();

    private sealed class Pool : MemoryPool<byte>
    {
        private const int BlockSize = 64 * 1024;

        /// <summary>Blocks kept for later, 16 MiB in all; more are left to the garbage collector.</summary>
        private const int MostKept = 256;

        private readonly ConcurrentQueue<byte[]> kept = new();
        private int count;

        public override int MaxBufferSize => BlockSize;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
            if (!kept.TryDequeue(out var block))
            {
                // Pinned once for ever, rather than for each receive.
                return new Block(this, GC.AllocateUninitializedArray<byte>(BlockSize, pinned: true));
            }

            Interlocked.Decrement(ref count);
            return new Block(this, block);
        }

        protected override void Dispose(bool disposing) => kept.Clear();

        private void Return(byte[] block)
        {
            if (Interlocked.Increment(ref count) <= MostKept)
            {
                kept.Enqueue(block);
            }
            else
            {
                Interlocked.Decrement(ref count);
            }
        }

        private sealed class Block(Pool pool, byte[] block) : IMemoryOwner<byte>
        {
            private byte[]? block = block;

            public Memory<byte> Memory => block ?? throw new ObjectDisposedException(nameof(Block));

            public void Dispose()
            {
                if (Interlocked.Exchange(ref block, null) is { } returned)
                {
                    pool.Return(returned);
                }
            }
        }
    }
}
