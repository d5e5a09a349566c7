namespace GlanceGateway.Registry.Database;

/// <summary>Wakes those who follow the change feed as soon as a commit of this process made changes.</summary>
internal sealed class ChangeSignal
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _latest;
    private bool _closed;

    /// <summary>Says that changes up to a sequence are committed.</summary>
    public void Publish(long latest)
    {
        TaskCompletionSource reached;
        lock (_lock)
        {
            if (latest <= _latest)
                return;
            _latest = latest;
            reached = _next;
            _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        reached.TrySetResult(); // it is set already when the registry closes: the last units are still to be finished then
    }

    /// <summary>Ends when a change after a sequence is committed.</summary>
    /// <exception cref="ObjectDisposedException">The registry was closed meanwhile.</exception>
    public async Task WaitAsync(long after, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_closed, typeof(ImageRegistry));
                if (_latest > after)
                    return;
                next = _next.Task;
            }

            await next.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Ends all waiting.</summary>
    public void Close()
    {
        lock (_lock)
            _closed = true;
        _next.TrySetResult();
    }
}
