using Microsoft.Extensions.Logging;

namespace GlanceGateway.Client;

/// <summary>The endpoints in the order of preference; one that works keeps being used until it does not.</summary>
internal sealed class EndpointSet(ClientOptions options, TimeProvider time, ILogger logger)
{
    /// <summary>So often in a row an endpoint must be overtaken until another one is preferred: a single late answer says little.</summary>
    private const int OvertakenToTurn = 3;

    private readonly Lock _lock = new();
    private Endpoint[] _endpoints = [];
    private int _current;
    private int _overtaken;

    internal IReadOnlyList<EndpointHealth> Health => [.. Volatile.Read(ref _endpoints).Select(endpoint => endpoint.Health)];

    /// <summary>Takes over what a log-in says, keeping what is known of endpoints that stay.</summary>
    internal void Use(IReadOnlyList<Uri> roots)
    {
        lock (_lock)
        {
            if (_endpoints.Length == roots.Count && _endpoints.Select(endpoint => endpoint.Root).SequenceEqual(roots))
                return;
            _endpoints = [.. roots.Select(root => Array.Find(_endpoints, known => known.Root == root) ?? new Endpoint(root, options, time, logger))];
            _current = 0;
        }
    }

    /// <summary>An endpoint that may be asked now; null, with the shortest wait, when none may.</summary>
    internal Endpoint? TryTake(out TimeSpan wait)
    {
        lock (_lock)
        {
            for (var i = 0; i < _endpoints.Length; i++)
            {
                var index = (_current + i) % _endpoints.Length;
                if (_endpoints[index].TryEnter())
                {
                    wait = TimeSpan.Zero;
                    return _endpoints[index];
                }
            }

            wait = _endpoints.Length == 0 ? TimeSpan.Zero : _endpoints.Min(endpoint => endpoint.Wait);
            return null;
        }
    }

    /// <summary>Turns to the next endpoint after a fault of this one.</summary>
    /// <returns>True when there is another one to try at once.</returns>
    internal bool TurnFrom(Endpoint failed)
    {
        lock (_lock)
        {
            var index = Array.IndexOf(_endpoints, failed);
            if (index == _current && _endpoints.Length > 1)
                _current = (_current + 1) % _endpoints.Length;
            return _endpoints.Length > 1 && _endpoints[_current] != failed && _endpoints[_current].Wait == TimeSpan.Zero;
        }
    }

    /// <summary>Another endpoint than the one that was asked, without any fault; null when there is none.</summary>
    internal Endpoint? Other(Endpoint asked)
    {
        lock (_lock)
        {
            var index = Array.IndexOf(_endpoints, asked);
            for (var i = 1; index >= 0 && i < _endpoints.Length; i++)
            {
                if (_endpoints[(index + i) % _endpoints.Length] is { IsHealthy: true } other)
                    return other;
            }

            return null;
        }
    }

    /// <summary>An endpoint answered in time.</summary>
    internal void Keep(Endpoint asked)
    {
        lock (_lock)
        {
            if (_endpoints.Length > 1 && _endpoints[_current] == asked)
                _overtaken = 0;
        }
    }

    /// <summary>Another endpoint answered before the one that was asked first.</summary>
    internal void Overtake(Endpoint asked, Endpoint other)
    {
        lock (_lock)
        {
            if (Array.IndexOf(_endpoints, asked) != _current || ++_overtaken < OvertakenToTurn || Array.IndexOf(_endpoints, other) is not (>= 0 and var index))
                return;
            (_current, _overtaken) = (index, 0);
        }
    }
}
