namespace GlanceGateway.Fuse;

/// <summary>A request that takes its time. Runs on the thread pool; the reader thread has gone back to the device.</summary>
internal abstract class PendingRequest(FuseSession session, ulong unique, uint caller) : IThreadPoolWorkItem, IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private int _answered;

    internal ulong Unique => unique;

    /// <summary>The thread that waits; 0 when it is in another pid namespace than the mount.</summary>
    internal uint Caller => caller;

    protected FuseSession Session => session;

    public void Execute() => _ = RunAsync();

    /// <summary>The waiting thread is being killed, or the mount is gone: answer now, the filesystem may take its time to stop.</summary>
    internal void Cancel()
    {
        if (TryAnswer())
        {
            unsafe
            {
                _ = session.Reply(unique, Errno.EINTR, null, 0);
            }
        }

        Stop();
    }

    /// <summary>Whoever goes on with the device will answer.</summary>
    internal void Abandon()
    {
        _ = TryAnswer();
        Stop();
    }

    public void Dispose() => _cancellation.Dispose();

    /// <summary>Does the work and answers; an exception that gets out of it is a defect of this library.</summary>
    protected abstract Task AnswerAsync(CancellationToken cancellationToken);

    /// <summary>Takes the right to answer, which one gets.</summary>
    protected bool TryAnswer() => Interlocked.Exchange(ref _answered, 1) == 0;

    private void Stop()
    {
        try
        {
            // Outside the caller's thread: a registration of the filesystem may do anything.
            _ = _cancellation.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The request ended in this moment.
        }
    }

    private async Task RunAsync()
    {
        try
        {
            await AnswerAsync(_cancellation.Token);
        }
        finally
        {
            session.Finish(this);
        }
    }
}
