namespace GlanceGateway.Fuse;

/// <summary>An open that waits for whatever is behind the file.</summary>
internal sealed class PendingOpen(FuseSession session, ulong unique, ulong node, FuseCaller caller) : PendingRequest(session, unique, caller.Pid)
{
    protected override async Task AnswerAsync(CancellationToken cancellationToken)
    {
        OpenOutcome outcome;
        try
        {
            outcome = await Session.FileSystem.OpenAsync(caller, node, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            outcome = OpenOutcome.Failed(Errno.EINTR);
        }
        catch (Exception e)
        {
            FuseLog.RequestFailed(Session.Logger, e, FuseOpcode.Open, node);
            outcome = OpenOutcome.Failed(Errno.EIO);
        }

        if (TryAnswer())
        {
            Session.ReplyOpen(Unique, node, outcome, directory: false);
        }
        else if (outcome.Error == Errno.None)
        {
            // The kernel was told EINTR and will not release what was opened after all.
            Session.FileSystem.Release(node, outcome.Reply.Handle);
        }
    }
}
