namespace GlanceGateway.Fuse;

/// <summary>A read whose bytes were not at hand. Runs on the thread pool; the reader thread has gone back to the device.</summary>
internal sealed class PendingRead(FuseSession session, ulong unique, ReadRequest request) : IThreadPoolWorkItem, IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private int _answered;

    internal ulong Unique => unique;

    public void Execute() => _ = RunAsync();

    /// <summary>The waiting task got a signal, or the mount is gone: answer now, the filesystem may take its time to stop.</summary>
    internal void Cancel()
    {
        Answer(ReadOutcome.Failed(Errno.EINTR), null);
        try
        {
            // Outside the caller's thread: a registration of the filesystem may do anything.
            _ = _cancellation.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The read ended in this moment.
        }
    }

    public void Dispose() => _cancellation.Dispose();

    private async Task RunAsync()
    {
        CancellationToken token = _cancellation.Token;
        NativeBuffer buffer = session.Buffers.Rent(request.Size);
        try
        {
            ReadOutcome outcome;
            try
            {
                outcome = await session.FileSystem.ReadAsync(request, buffer.Memory[..request.Size], token);
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                outcome = ReadOutcome.Failed(Errno.EINTR);
            }
            catch (Exception e)
            {
                FuseLog.RequestFailed(session.Logger, e, FuseOpcode.Read, request.Node);
                outcome = ReadOutcome.Failed(Errno.EIO);
            }

            Answer(outcome, buffer);
        }
        finally
        {
            session.Buffers.Return(buffer);
            session.Finish(this);
        }
    }

    private unsafe void Answer(ReadOutcome outcome, NativeBuffer? buffer)
    {
        if (Interlocked.Exchange(ref _answered, 1) != 0)
        {
            return;
        }

        Errno error = outcome.IsPending || outcome.Count > request.Size ? Errno.EIO : outcome.Error;
        _ = session.Reply(unique, error, buffer is null ? null : buffer.Address, outcome.Count);
    }
}
