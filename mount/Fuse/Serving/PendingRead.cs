namespace GlanceGateway.Fuse;

/// <summary>A read whose bytes were not at hand.</summary>
internal sealed class PendingRead(FuseSession session, ulong unique, ReadRequest request) : PendingRequest(session, unique, request.Caller.Pid)
{
    protected override async Task AnswerAsync(CancellationToken cancellationToken)
    {
        NativeBuffer buffer = Session.Buffers.Rent(request.Size);
        try
        {
            ReadOutcome outcome;
            try
            {
                outcome = await Session.FileSystem.ReadAsync(request, buffer.Memory[..request.Size], cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                outcome = ReadOutcome.Failed(Errno.EINTR);
            }
            catch (Exception e)
            {
                FuseLog.RequestFailed(Session.Logger, e, FuseOpcode.Read, request.Node);
                outcome = ReadOutcome.Failed(Errno.EIO);
            }

            Answer(outcome, buffer);
        }
        finally
        {
            Session.Buffers.Return(buffer);
        }
    }

    private unsafe void Answer(ReadOutcome outcome, NativeBuffer buffer)
    {
        if (TryAnswer())
        {
            Errno error = outcome.IsPending || outcome.Count > request.Size ? Errno.EIO : outcome.Error;
            _ = Session.Reply(Unique, error, buffer.Address, outcome.Count);
        }
    }
}
