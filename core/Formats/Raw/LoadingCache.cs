using System.Diagnostics;

namespace GlanceGateway.Formats.Raw;

/// <summary>
/// The pieces of an image that a view has read and may need again soon, at most so many bytes of them, the longest unused leaving first.
/// A piece that several readers want at once is loaded once; a reader that gives up does not end the load for the others; a load that failed is
/// forgotten, so the next reader tries again.
/// </summary>
/// <param name="capacity">Bytes. Pieces being loaded count from their start, and stay, so it may be passed by what is in flight.</param>
internal sealed class LoadingCache(long capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, LinkedListNode<Piece>> _pieces = [];
    private readonly LinkedList<Piece> _byUse = new();
    private long _bytes;

    /// <summary>The piece of that key.</summary>
    /// <param name="key">Where it lies, for one.</param>
    /// <param name="length">Bytes that it will take.</param>
    /// <param name="state">Passed to <paramref name="load"/>, so that a hit allocates nothing.</param>
    /// <param name="load">Reads it. Not ended by anybody's token.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<ReadOnlyMemory<byte>> GetAsync<TState>(
        long key, int length, TState state, Func<TState, Task<ReadOnlyMemory<byte>>> load, CancellationToken cancellationToken)
    {
        Task<ReadOnlyMemory<byte>> task;
        lock (_lock)
        {
            if (_pieces.TryGetValue(key, out var known))
            {
                task = known.Value.Loading;
                _byUse.Remove(known);
                _byUse.AddFirst(known);
            }
            else
            {
                // Off this thread: a source may answer at once, and would then run on under the lock.
                task = Task.Run(() => load(state), CancellationToken.None);
                var node = _byUse.AddFirst(new Piece(key, length, task));
                _pieces.Add(key, node);
                _bytes += length;
                Evict();
                _ = task.ContinueWith(
                    (_, kept) => Forget((LinkedListNode<Piece>)kept!), node, CancellationToken.None,
                    TaskContinuationOptions.NotOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }

        return task.IsCompletedSuccessfully ? new(task.Result) : new(task.WaitAsync(cancellationToken));
    }

    private void Evict()
    {
        for (var node = _byUse.Last; node is not null && _bytes > capacity;)
        {
            var previous = node.Previous;
            if (node.Value.Loading.IsCompleted)
            {
                Remove(node);
            }

            node = previous;
        }
    }

    private void Forget(LinkedListNode<Piece> node)
    {
        lock (_lock)
        {
            if (_pieces.TryGetValue(node.Value.Key, out var current) && current == node)
            {
                Remove(node);
            }
        }
    }

    private void Remove(LinkedListNode<Piece> node)
    {
        _pieces.Remove(node.Value.Key);
        _byUse.Remove(node);
        _bytes -= node.Value.Length;
        Debug.Assert(_bytes >= 0, "A piece left twice.");
    }

    private sealed record Piece(long Key, int Length, Task<ReadOnlyMemory<byte>> Loading);
}
