namespace GlanceGateway.Client;

// When a second endpoint is asked for the same bytes.
//
// A reader who waits for a block shall not wait for the one request in twenty that is late, nor for a gateway that has stalled. So a request that takes longer
// than 95 % of the latest ones until its answer begins is asked of the next healthy endpoint too; whichever answers first gives the bytes, the other request is
// cancelled before its body, and costs the endpoint what it had read by then.
//
// * Only for ranges of at most 4 MiB, where ranges are known to work: those are what readers wait for. Background fills come in runs of 32 MiB.
// * At most one request in twenty, with ten to begin with: an endpoint that is slow because it has too much to do shall not get more. Every request earns its
//   part of a second one, and whoever finds nothing left looks again after as long a wait.
// * A late request counts with the time it had waited when it was overtaken, so that the limit rises when everything becomes slow.
// * Below the floor nothing is late, and before there are enough samples only what takes a second is.

/// <summary>Decides which requests are asked of a second endpoint. Safe for concurrent use.</summary>
internal sealed class Hedging(ClientOptions options)
{
    internal const long LargestBytes = 4 << 20;

    private const int Samples = 128;
    private const int FewestSamples = 16;
    private const int Burst = 10;
    private const int SortPeriod = 8;

    private static readonly TimeSpan s_unknown = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly TimeSpan[] _latest = new TimeSpan[Samples];
    private readonly TimeSpan[] _sorted = new TimeSpan[Samples];
    private long _count;
    private double _credit = Burst;
    private TimeSpan _late = s_unknown;
    private long _asked;
    private long _won;

    /// <summary>Whether a request may be late at all.</summary>
    internal bool IsOn => options.HedgeShare > 0;

    /// <summary>After how long a request is late.</summary>
    internal TimeSpan Late
    {
        get
        {
            lock (_lock)
                return _late > options.HedgeFloor ? _late : options.HedgeFloor;
        }
    }

    /// <summary>How many requests were asked of a second endpoint, and how many of these that one answered first.</summary>
    internal HedgeCounts Counts => new(Interlocked.Read(ref _asked), Interlocked.Read(ref _won));

    /// <summary>A request was made that may be late: it earns its part of a second one.</summary>
    internal void Earn()
    {
        lock (_lock)
            _credit = Math.Min(Burst, _credit + options.HedgeShare);
    }

    /// <summary>Asks leave for a second request.</summary>
    internal bool TrySpend()
    {
        lock (_lock)
        {
            if (_credit < 1)
                return false;
            _credit--;
        }

        Interlocked.Increment(ref _asked);
        return true;
    }

    /// <summary>A second request was the first to be answered.</summary>
    internal void Win() => Interlocked.Increment(ref _won);

    /// <summary>Takes down how long a first request took until its answer began, or until it was overtaken.</summary>
    internal void Record(TimeSpan waited)
    {
        lock (_lock)
        {
            _latest[_count++ % Samples] = waited;
            if (_count < FewestSamples || _count % SortPeriod != 0)
                return;
            var known = (int)Math.Min(_count, Samples);
            _latest.AsSpan(0, known).CopyTo(_sorted);
            Array.Sort(_sorted, 0, known);
            _late = _sorted[known * 95 / 100];
        }
    }
}
