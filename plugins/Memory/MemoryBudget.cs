namespace GlanceGateway.Plugins.Memory;

/// <summary>Counts the bytes that the store's contents occupy against its limit.</summary>
/// <param name="capacity">Bytes; null for no limit.</param>
/// <param name="used">The bytes in use, in its one element: shared with the store's other driver while one takes over from the other.</param>
internal sealed class MemoryBudget(long? capacity, long[] used)
{

    /// <summary>The limit in bytes; without one, what the process may use.</summary>
    public long Total => capacity ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>Bytes that can still be taken; never negative.</summary>
    public long Free => Math.Max(0, Total - Interlocked.Read(ref used[0]));

    /// <summary>Takes bytes, or leaves everything as it was and returns false when they do not fit.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref used[0], bytes) <= Total)
            return true;
        Give(bytes);
        return false;
    }

    /// <summary>Gives bytes back.</summary>
    public void Give(long bytes) => Interlocked.Add(ref used[0], -bytes);
}
