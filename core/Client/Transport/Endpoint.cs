using Microsoft.Extensions.Logging;

namespace GlanceGateway.Client;

/// <summary>
/// One endpoint and what is known of its health. Three faults in a row open the circuit: the endpoint is left alone for a time that doubles up to a
/// limit, then one request tries it. Any answer closes the circuit, an error that blames the image included: only silence, a broken
/// connection and "not now" (429, 502, 503, 504) count as faults.
/// </summary>
internal sealed class Endpoint(Uri root, ClientOptions options, TimeProvider time, ILogger logger)
{
    private const int FaultsToOpen = 3;

    private readonly Lock _lock = new();
    private int _faults;
    private int _openings;
    private long _opensUntil;
    private bool _isTrying;
    private string? _problem;

    /// <summary>The endpoint without its version, ending with a slash.</summary>
    internal Uri Root => root;

    /// <summary>How long it should be left alone still; zero when it may be asked now.</summary>
    internal TimeSpan Wait
    {
        get
        {
            lock (_lock)
                return WaitLocked();
        }
    }

    /// <summary>Whether its last request, if there was any, was answered.</summary>
    internal bool IsHealthy
    {
        get
        {
            lock (_lock)
                return _faults == 0;
        }
    }

    internal EndpointHealth Health
    {
        get
        {
            lock (_lock)
                return new EndpointHealth(root.ToString(), _faults < FaultsToOpen ? "closed" : WaitLocked() > TimeSpan.Zero ? "open" : "half-open", _faults, _problem);
        }
    }

    /// <summary>Asks leave for a request. With an open circuit whose time is over, one gets it.</summary>
    internal bool TryEnter()
    {
        lock (_lock)
        {
            if (_faults < FaultsToOpen)
                return true;
            if (_isTrying || WaitLocked() > TimeSpan.Zero)
                return false;
            return _isTrying = true;
        }
    }

    internal void Succeed()
    {
        bool wasOpen;
        lock (_lock)
        {
            wasOpen = _faults >= FaultsToOpen;
            (_faults, _openings, _isTrying, _problem) = (0, 0, false, null);
        }

        if (wasOpen)
            logger.EndpointBack(root);
    }

    internal void Fail(string problem, TimeSpan? retryAfter)
    {
        ClientMetrics.CountFault(root);
        TimeSpan pause;
        lock (_lock)
        {
            (_isTrying, _problem) = (false, problem);
            if (++_faults < FaultsToOpen && retryAfter is null)
                return;
            _faults = Math.Max(_faults, FaultsToOpen);
            pause = options.FirstBreak * Math.Pow(2, Math.Min(_openings++, 16));
            pause = pause < options.LongestBreak ? pause : options.LongestBreak;
            // Clients that lost an endpoint together shall not come back together.
            pause *= 0.75 + (Random.Shared.NextDouble() / 2);
            if (retryAfter is { } asked && asked > pause)
                pause = asked < options.LongestBreak ? asked : options.LongestBreak;
            _opensUntil = time.GetTimestamp() + (long)(pause.TotalSeconds * time.TimestampFrequency);
        }

        logger.EndpointBroken(root, pause.TotalSeconds, problem);
    }

    /// <summary>A request that had leave ended without telling anything.</summary>
    internal void Abstain()
    {
        lock (_lock)
            _isTrying = false;
    }

    private TimeSpan WaitLocked()
    {
        if (_faults < FaultsToOpen)
            return TimeSpan.Zero;
        var left = (_opensUntil - time.GetTimestamp()) / (double)time.TimestampFrequency;
        return left > 0 ? TimeSpan.FromSeconds(left) : TimeSpan.Zero;
    }
}
