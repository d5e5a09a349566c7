namespace GlanceGateway.Plugins.Swift;

/// <summary>Ends a request when the caller gives up, or when nothing has moved for some time.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _either;

    public Deadline(TimeSpan silence, TimeProvider time, CancellationToken caller, CancellationToken other = default)
    {
        _timer = new CancellationTokenSource(silence, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(caller, other, _timer.Token);
    }

    public CancellationToken Token => _either.Token;

    public void Dispose()
    {
        _either.Dispose();
        _timer.Dispose();
    }
}
