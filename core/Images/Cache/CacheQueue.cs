using System.Threading.Channels;

namespace GlanceGateway.Images;

/// <summary>Ids that wait for their turn, each once, in the order of their coming. An id stays listed while it is worked on.</summary>
internal sealed class CacheQueue
{
    private readonly Lock _gate = new();
    private readonly List<string> _waiting = [];
    private readonly Dictionary<string, CancellationTokenSource> _running = new(StringComparer.Ordinal);
    private readonly Channel<string> _arrived = Channel.CreateUnbounded<string>();

    public IReadOnlyList<string> List()
    {
        lock (_gate)
            return [.. _running.Keys, .. _waiting];
    }

    public void Add(string id)
    {
        lock (_gate)
        {
            if (_running.ContainsKey(id) || _waiting.Contains(id))
                return;
            _waiting.Add(id);
        }

        _arrived.Writer.TryWrite(id);
    }

    /// <summary>Takes an id off, and stops the work on it.</summary>
    /// <returns>False when it was not there.</returns>
    public bool Remove(string id)
    {
        lock (_gate)
        {
            if (!_running.TryGetValue(id, out var work))
                return _waiting.Remove(id);
            work.Cancel();
            return true;
        }
    }

    /// <summary>Works on ids, one after the other, until cancelled.</summary>
    public async Task WorkAsync(Func<string, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        await foreach (var id in _arrived.Reader.ReadAllAsync(cancellationToken))
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            lock (_gate)
            {
                // Not there: it was taken off meanwhile. Twice there: it was taken off and came again.
                if (_running.ContainsKey(id) || !_waiting.Remove(id))
                    continue;
                _running[id] = stop;
            }

            try
            {
                await work(id, stop.Token);
            }
            finally
            {
                lock (_gate)
                    _running.Remove(id);
            }
        }
    }
}
