namespace GlanceGateway.Api;

/// <summary>
/// Values that are good for a time, at most so many: the one that came first goes first. All live about equally long, so that is nearly the one
/// that would have ended first. Not safe for concurrent use.
/// </summary>
internal sealed class BoundedCache<TKey, TValue>(int capacity)
    where TKey : notnull
{
    private readonly Dictionary<TKey, (TValue Value, DateTimeOffset Until, long Number)> entries = [];
    private readonly Queue<(TKey Key, long Number)> order = new();
    private long added;

    public int Count => entries.Count;

    public bool TryGet(TKey key, DateTimeOffset now, out TValue value)
    {
        if (entries.TryGetValue(key, out var entry))
        {
            value = entry.Value;
            if (entry.Until > now)
                return true;
            entries.Remove(key);
        }
        value = default!;
        return false;
    }

    public void Add(TKey key, TValue value, DateTimeOffset until, DateTimeOffset now)
    {
        entries[key] = (value, until, ++added);
        order.Enqueue((key, added));
        // What was replaced or has ended is dropped on the way, so the queue stays as short as the table.
        while (order.TryPeek(out var oldest))
        {
            var live = entries.TryGetValue(oldest.Key, out var entry) && entry.Number == oldest.Number;
            if (live && entry.Until > now && order.Count <= capacity)
                break;
            order.Dequeue();
            if (live)
                entries.Remove(oldest.Key);
        }
    }
}
