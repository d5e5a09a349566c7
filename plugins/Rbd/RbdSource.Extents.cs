using System.Runtime.InteropServices;
using GlanceGateway.Abstractions;
using GlanceGateway.Plugins.Rbd.Native;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>
/// Which parts of an image hold data, by <c>rbd_diff_iterate2</c>. It asks each object, so an image is looked at in windows of 512 MiB as the
/// caller proceeds, and the last window is kept.
/// </summary>
internal sealed partial class RbdSource
{
    private const long WindowSize = 512L * 1024 * 1024;
    private volatile Window? lastWindow;

    public async ValueTask<Extent> GetExtentAsync(long offset, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, opened!.Size);
        cancellationToken.ThrowIfCancellationRequested();
        var window = lastWindow;
        if (window is null || offset < window.Offset || offset >= window.End)
            lastWindow = window = await LookAsync(offset - (offset % WindowSize), cancellationToken);

        foreach (var run in window.Data)
        {
            if (offset < run.Offset)
                return new Extent(offset, run.Offset - offset, IsHole: true);
            if (offset < run.End)
                return new Extent(offset, run.End - offset, IsHole: false);
        }

        return new Extent(offset, window.End - offset, IsHole: true);
    }

    private async Task<Window> LookAsync(long offset, CancellationToken cancellationToken)
    {
        var end = Math.Min(offset + WindowSize, opened!.Size);
        var current = await EnterAsync().WaitAsync(cancellationToken);
        try
        {
            var found = await connection.RunAsync(cluster => Look(cluster, current.Image, offset, end), cancellationToken);
            await RequireSnapshotAsync(current);
            return found;
        }
        catch (CephException failure)
        {
            current.Image.Cluster.Judge(failure.Error);
            throw failure.ToFault(place.Image);
        }
        finally
        {
            current.Image.Leave(mayBlock: false);
        }
    }

    private static unsafe Window Look(CephCluster cluster, RbdImage image, long offset, long end)
    {
        if (image.Cluster != cluster || !image.TryEnter())
            throw new StoreException(StoreError.Unavailable, "The connection to the cluster was lost.");
        var runs = new List<Run>();
        var handle = GCHandle.Alloc(runs);
        try
        {
            CephException.Check(
                Librbd.rbd_diff_iterate2(image.Handle, fromSnapshot: null, (ulong)offset, (ulong)(end - offset), includeParent: 1, wholeObject: 0, &OnFound, GCHandle.ToIntPtr(handle)),
                "The image's extents could not be listed");
        }
        finally
        {
            handle.Free();
            image.Leave(mayBlock: true);
        }

        return new Window(offset, end, Merge(runs));
    }

    // Neighbouring objects are reported one by one.
    private static List<Run> Merge(List<Run> runs)
    {
        var merged = new List<Run>();
        foreach (var run in runs.OrderBy(run => run.Offset))
        {
            if (merged.Count > 0 && merged[^1].End >= run.Offset)
                merged[^1] = merged[^1] with { End = Math.Max(merged[^1].End, run.End) };
            else
                merged.Add(run);
        }

        return merged;
    }

    [UnmanagedCallersOnly]
    private static int OnFound(ulong offset, nuint length, int exists, nint argument)
    {
        if (exists != 0)
            ((List<Run>)GCHandle.FromIntPtr(argument).Target!).Add(new Run((long)offset, (long)(offset + length)));
        return 0;
    }

    private sealed record Run(long Offset, long End);

    private sealed record Window(long Offset, long End, List<Run> Data);
}
