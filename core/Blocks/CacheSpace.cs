namespace GlanceGateway.Blocks;

// How much room there is. Two limits hold at once: what all objects occupy, and what the filesystem has free. Before a block is written its bytes are
// reserved; once it is written the object says what it really occupies (holes cost nothing) and the reservation goes. When a reservation does not fit, room
// is made, least recently used first: whole objects that nobody has open, then blocks that nobody read lately of objects that are open. Pinned objects
// stay, and so does the plain file of one that was handed out: whoever reads it would read the hole.

/// <summary>The room of a cache.</summary>
internal sealed class CacheSpace(BlockCacheOptions options, Func<long, long> makeRoom, Func<long> freeBytes)
{
    private readonly Lock _making = new();
    private long _stored;
    private long _reserved;

    /// <summary>Bytes that all objects occupy.</summary>
    public long StoredBytes => Interlocked.Read(ref _stored);

    /// <summary>Notes that an object occupies more or less than before.</summary>
    public void Add(long bytes) => Interlocked.Add(ref _stored, bytes);

    /// <summary>Takes room for bytes that are about to be written; given back by <see cref="Settle"/>.</summary>
    /// <returns>False when there is none, whatever is evicted.</returns>
    public bool TryReserve(long bytes)
    {
        if (bytes == 0)
            return true;
        Interlocked.Add(ref _reserved, bytes);
        if (Lack() <= 0)
            return true;
        lock (_making)
        {
            if (Lack() is > 0 and var lack)
                makeRoom(lack);
        }

        if (Lack() <= 0)
            return true;
        Interlocked.Add(ref _reserved, -bytes);
        return false;
    }

    /// <summary>Ends a reservation: the bytes are written, or will not be.</summary>
    public void Settle(long bytes) => Interlocked.Add(ref _reserved, -bytes);

    /// <summary>Whether a reservation would succeed now; makes the room.</summary>
    public bool HasRoom(long bytes)
    {
        if (!TryReserve(bytes))
            return false;
        Settle(bytes);
        return true;
    }

    private long Lack()
    {
        var reserved = Interlocked.Read(ref _reserved);
        return Math.Max(Interlocked.Read(ref _stored) + reserved - options.MaxBytes, reserved + options.MinFreeBytes - freeBytes());
    }
}
