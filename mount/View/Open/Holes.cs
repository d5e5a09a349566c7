using GlanceGateway.Abstractions;
using GlanceGateway.Fuse;

namespace GlanceGateway.View;

/// <summary>Answers SEEK_DATA and SEEK_HOLE without waiting.</summary>
/// <remarks>
/// A local file is asked by lseek(2), a source that knows its extents by those it has at hand. Where nothing is at hand the
/// rest counts as data up to the end, which is always allowed: holes are a saving, never a promise. qemu-img asks some 200
/// times per conversion, so nothing here may wait for a network.
/// </remarks>
internal static class Holes
{
    // A fragmented map is walked this far on a reader thread; after that a hole may be reported as data.
    private const int LongestWalk = 256;

    internal static Errno Seek(IByteSource source, long size, long offset, SeekKind kind, out long result)
    {
        result = offset;
        if (offset >= size)
        {
            return Errno.ENXIO;
        }

        if (source is ILocalFile local)
        {
            Errno error = NativeFile.Seek(local.Handle, offset, kind, out long found);
            if (error is Errno.None or Errno.ENXIO)
            {
                result = Math.Min(found, size);
                return error;
            }
        }
        else if (source is IExtentMap map)
        {
            return Walk(map, size, offset, kind, out result);
        }

        return AllData(size, offset, kind, out result);
    }

    /// <summary>The answer for a file whose source is not open.</summary>
    internal static Errno SeekUnopened(long size, long offset, SeekKind kind, out long result)
    {
        result = offset;
        return offset >= size ? Errno.ENXIO : AllData(size, offset, kind, out result);
    }

    private static Errno Walk(IExtentMap map, long size, long offset, SeekKind kind, out long result)
    {
        long at = offset;
        for (int i = 0; i < LongestWalk && at < size; i++)
        {
            if (!TryAsk(map, at, out Extent extent) || extent.Offset > at || extent.Offset + extent.Length <= at)
            {
                break;
            }

            if (extent.IsHole == (kind == SeekKind.Hole))
            {
                result = at;
                return Errno.None;
            }

            at = extent.Offset + extent.Length;
        }

        if (at >= size)
        {
            // Behind the last data is nothing more; the end itself counts as a hole.
            result = size;
            return kind == SeekKind.Hole ? Errno.None : Errno.ENXIO;
        }

        return AllData(size, at, kind, out result);
    }

    private static bool TryAsk(IExtentMap map, long offset, out Extent extent)
    {
        extent = default;
        try
        {
            ValueTask<Extent> asked = map.GetExtentAsync(offset, CancellationToken.None);
            if (asked.IsCompletedSuccessfully)
            {
                extent = asked.Result;
                return true;
            }

            // The answer comes too late for this question; its failure is nobody's.
            _ = asked.AsTask().ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            return false;
        }
        catch (Exception)
        {
            // Reads will meet and report whatever is wrong.
            return false;
        }
    }

    private static Errno AllData(long size, long offset, SeekKind kind, out long result)
    {
        result = kind == SeekKind.Hole ? size : offset;
        return Errno.None;
    }
}
