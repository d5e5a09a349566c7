namespace GlanceGateway.Plugins.S3;

/// <summary>Ends a request when the caller gives up, or when nothing has moved for some time.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly TimeSpan silence;
    private readonly CancellationTokenSource timer;
    private readonly CancellationTokenSource either;

    public Deadline(TimeSpan silence, TimeProvider time, CancellationToken caller, CancellationToken other = default)
    {
        this.silence = silence;
        timer = new CancellationTokenSource(silence, time);
        either = CancellationTokenSource.CreateLinkedTokenSource(caller, other, timer.Token);
    }

    public CancellationToken Token => either.Token;

    /// <summary>Something moved.</summary>
    public void Extend() => timer.CancelAfter(silence);

    public void Dispose()
    {
        either.Dispose();
        timer.Dispose();
    }
}
