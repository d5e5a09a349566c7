using System.Collections.Concurrent;
using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>Tells the kernel what to drop, from a thread of its own.</summary>
/// <remarks>
/// A notification waits in the kernel for requests on the same directory. On a thread that owes an answer to one of these it
/// would wait for itself, and on the thread pool it could starve what they wait for.
/// </remarks>
internal sealed class KernelNotifier : IDisposable
{
    private readonly BlockingCollection<List<Invalidation>> _queue = [];
    private readonly FuseSession _session;
    private readonly ILogger _logger;

    internal KernelNotifier(FuseSession session, ILogger logger)
    {
        _session = session;
        _logger = logger;
        new Thread(Run, 256 * 1024) { IsBackground = true, Name = "view-notifier" }.Start();
    }

    internal void Send(List<Invalidation> invalidations)
    {
        try
        {
            if (invalidations.Count != 0)
            {
                _queue.Add(invalidations);
            }
        }
        catch (InvalidOperationException)
        {
            // Closed: the mount is gone and its caches with it, but the source has not noticed yet.
        }
    }

    /// <summary>Ends the thread when what was sent is done.</summary>
    public void Dispose() => _queue.CompleteAdding();

    private void Run()
    {
        foreach (List<Invalidation> batch in _queue.GetConsumingEnumerable())
        {
            foreach (Invalidation invalidation in batch)
            {
                Errno error = invalidation.Name is { } name
                    ? _session.InvalidateEntry(invalidation.Node, name)
                    : _session.InvalidateNode(invalidation.Node, offset: -1);
                if (error is Errno.ENODEV or Errno.ENOTCONN or Errno.ECONNABORTED)
                {
                    break;
                }

                if (error is not (Errno.None or Errno.ENOTDIR))
                {
                    ViewLog.InvalidationFailed(_logger, invalidation.Node, error);
                }
            }
        }
    }
}
