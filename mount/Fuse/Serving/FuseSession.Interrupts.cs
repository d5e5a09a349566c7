namespace GlanceGateway.Fuse;

// Signals to those who wait for an answer.
//
// * The kernel tells of the first signal to who waits for an open, a look-up or a synchronous read (INTERRUPT), and of no other. It tells of none at all where
//   it reads in the background: ahead, for the page cache, and for direct reads. And it lets most of them wait until the answer comes, killed or not.
// * So whoever waits longer than a second is looked at each second, and answered with EINTR when he will not see it any more. His bytes are not lost to others:
//   who waits for the same page asks again himself.
// * Whoever goes on after his signal gets his answer, as with a file on a disk; see CallerSignals.

/// <summary>Answers INTERRUPT, and those who are killed while they wait.</summary>
public sealed partial class FuseSession
{
    private static readonly TimeSpan s_lookPeriod = TimeSpan.FromSeconds(1);

    private int _isLooking;

    /// <summary>Handles an INTERRUPT for another request.</summary>
    /// <returns>False when the target is not known yet: the kernel shall ask again.</returns>
    internal bool Interrupt(ulong target)
    {
        // In this order: a request goes from the one to the other.
        bool isBegun = target != 0 && Array.Exists(_workers, worker => worker?.Current == target);
        if (_pending.TryGetValue(target, out PendingRequest? request))
        {
            if (!_options.SeesCallers || CallerSignals.Of(request.Caller) != CallerFate.GoesOn)
            {
                request.Cancel();
            }

            return true;
        }

        // Answered inline in a moment anyway; asking again would only spin until then.
        return isBegun;
    }

    private void LookAfter()
    {
        if (_options.SeesCallers && Interlocked.CompareExchange(ref _isLooking, 1, 0) == 0)
        {
            _ = LookAsync();
        }
    }

    private async Task LookAsync()
    {
        do
        {
            await Task.Delay(s_lookPeriod);
            Look();
        }
        while (!_pending.IsEmpty || !MayRest());
    }

    private bool MayRest()
    {
        Interlocked.Exchange(ref _isLooking, 0);
        return _pending.IsEmpty || Interlocked.CompareExchange(ref _isLooking, 1, 0) != 0;
    }

    private void Look()
    {
        foreach (IGrouping<uint, PendingRequest> waiting in _pending.Values.GroupBy(static request => request.Caller))
        {
            if (CallerSignals.Of(waiting.Key) != CallerFate.Dies)
            {
                continue;
            }

            foreach (PendingRequest request in waiting)
            {
                CancelHeld(request);
            }
        }
    }

    /// <summary>Cancels from a thread that has no hold of the device; the request may end and let go of it at the same time.</summary>
    private void CancelHeld(PendingRequest request)
    {
        bool held = false;
        try
        {
            _device.DangerousAddRef(ref held);
            request.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It was the last one.
        }
        finally
        {
            if (held)
            {
                _device.DangerousRelease();
            }
        }
    }
}
