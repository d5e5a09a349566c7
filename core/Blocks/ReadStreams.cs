using System.Runtime.InteropServices;

namespace GlanceGateway.Blocks;

// Read-ahead. The reads of one object are sorted into streams by where each was expected to go on, whoever reads: two virtual machines that boot
// from one image are two streams, not one erratic one. A read that continues a stream, within a little before and after (the kernel sends its
// read-ahead out of order), moves it on; when less than half of the stream's window is still ahead, the next window is asked for and the window doubles.
// A read that continues no stream begins one and fetches its own block only, so that random reading costs no more than it must; a reader that says that
// it will read on gets a large window at once.

/// <summary>Tells what to fetch ahead of the readers of one object.</summary>
internal sealed class ReadStreams(long maxWindow)
{
    private const int MostStreams = 16;
    private const long FirstWindow = (1 << 20) + (128 << 10);
    private const long DeclaredWindow = 8 << 20;
    private const long Backward = 1 << 20;
    private const long Forward = 2 << 20;

    private readonly Lock _gate = new();
    private readonly Stream[] _streams = new Stream[MostStreams];
    private int _count;
    private long _clock;

    /// <summary>Notes a read.</summary>
    /// <param name="offset">Where it begins.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="declared">Whether the reader said that it reads on to <paramref name="limit"/>.</param>
    /// <param name="limit">Where reading ends at the latest.</param>
    /// <returns>From where to where to fetch ahead; nothing when both are equal.</returns>
    public (long Start, long End) Advance(long offset, int length, bool declared, long limit)
    {
        if (maxWindow == 0)
            return default;
        lock (_gate)
        {
            ref var stream = ref Find(offset, out var continues);
            stream.LastUsed = ++_clock;
            if (!continues)
            {
                stream.Next = offset + length;
                stream.Ahead = stream.Next;
                stream.Window = Math.Min(maxWindow, declared ? DeclaredWindow : FirstWindow);
                if (!declared)
                    return default;
            }
            else
            {
                stream.Next = Math.Max(stream.Next, offset + length);
            }

            if (stream.Ahead - stream.Next >= stream.Window / 2)
                return default;
            var start = Math.Max(stream.Ahead, stream.Next);
            var end = Math.Min(limit, stream.Next + stream.Window);
            if (end <= start)
                return default;
            stream.Ahead = end;
            stream.Window = Math.Min(maxWindow, stream.Window * 2);
            return (start, end);
        }
    }

    /// <summary>Notes that there was no memory to fetch ahead: every window shrinks.</summary>
    public void Shrink()
    {
        lock (_gate)
        {
            for (var i = 0; i < _count; i++)
                _streams[i].Window = Math.Max(Math.Min(maxWindow, FirstWindow), _streams[i].Window / 4);
        }
    }

    private ref Stream Find(long offset, out bool continues)
    {
        var oldest = 0;
        for (var i = 0; i < _count; i++)
        {
            ref var stream = ref _streams[i];
            if (offset >= stream.Next - Backward && offset <= stream.Next + Forward)
            {
                continues = true;
                return ref stream;
            }

            if (stream.LastUsed < _streams[oldest].LastUsed)
                oldest = i;
        }

        continues = false;
        return ref _streams[_count < MostStreams ? _count++ : oldest];
    }

    [StructLayout(LayoutKind.Auto)]
    private struct Stream
    {
        public long Next;
        public long Ahead;
        public long Window;
        public long LastUsed;
    }
}
