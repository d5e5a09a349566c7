using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores;

/// <summary>
/// Connects to what users name, by the operator's <see cref="OutboundRules"/>. A name is resolved once and only addresses that passed
/// <see cref="AddressRules"/> are connected to, so that a name which changes its address between check and connection gains nothing.
/// </summary>
/// <remarks>Safe for concurrent use; holds nothing that needs disposal.</remarks>
public sealed class GuardedConnector : IOutboundConnector
{
    // A name with a hundred dead addresses must not hold a request for as many attempts.
    private const int MaximumAttempts = 8;

    private readonly OutboundRules _rules;
    private readonly AddressRules _addresses;
    private readonly TimeProvider _time;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;

    /// <summary>Makes a connector that asks the system's resolver.</summary>
    /// <param name="rules">The operator's.</param>
    /// <param name="time">The clock of the time limit.</param>
    public GuardedConnector(OutboundRules rules, TimeProvider time)
        : this(rules, time, Dns.GetHostAddressesAsync)
    {
    }

    internal GuardedConnector(OutboundRules rules, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
    {
        ArgumentNullException.ThrowIfNull(rules);
        _rules = rules;
        _addresses = new AddressRules(rules.AllowedNetworks);
        _time = time;
        _resolve = resolve;
    }

    /// <inheritdoc/>
    public async ValueTask<Stream> ConnectAsync(DnsEndPoint endPoint, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        using var limit = new CancellationTokenSource(_rules.ConnectTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            var addresses = await ResolveAsync(endPoint.Host, either.Token);
            return await ConnectAnyAsync(endPoint, addresses, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreException(
                StoreError.TimedOut, $"There is no connection to {Name(endPoint)} after {_rules.ConnectTimeout.TotalSeconds:0.##} s.");
        }
    }

    /// <inheritdoc/>
    public HttpMessageHandler CreateHttpHandler(SslClientAuthenticationOptions? tls) => new GuardedHttpHandler(_rules, this, tls);

    private async Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        IPAddress[] found;
        if (IPAddress.TryParse(host, out var literal))
        {
            // TryParse takes 0x7f.1, 127.1 and 2130706433; the address is judged all the same, but none of these is a name either.
            if (literal.AddressFamily == AddressFamily.InterNetwork && literal.ToString() != host)
                throw Refused($"'{host}' is an address in a form that is not the usual one.");
            found = [literal];
        }
        else
        {
            try
            {
                // The resolver's own call cannot always be cancelled.
                found = await _resolve(host, cancellationToken).WaitAsync(cancellationToken);
            }
            catch (Exception exception) when (exception is SocketException or ArgumentException)
            {
                throw new StoreException(StoreError.Unavailable, $"The name '{host}' cannot be resolved: {exception.Message}");
            }
        }

        var usable = new List<IPAddress>();
        string? objection = null;
        foreach (var address in found.Select(address => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).Distinct())
        {
            if (_addresses.ObjectionTo(address) is { } what)
                objection ??= $"its address {address} is not public ({what})";
            else
                usable.Add(address);
        }

        if (usable.Count > 0)
            return usable;
        throw objection is null
            ? new StoreException(StoreError.Unavailable, $"The name '{host}' has no address.")
            : Refused($"'{host}' may not be connected to: {objection}. If it should be, allow its network for outbound connections.");
    }

    private async Task<Stream> ConnectAnyAsync(DnsEndPoint endPoint, IReadOnlyList<IPAddress> addresses, CancellationToken cancellationToken)
    {
        var attempts = Math.Min(addresses.Count, MaximumAttempts);
        Exception? last = null;
        for (var i = 0; i < attempts; i++)
        {
            // A part of the time for each but the last, so that one that swallows packets leaves time for the others.
            using var share = i + 1 < attempts ? new CancellationTokenSource(_rules.ConnectTimeout / attempts, _time) : new CancellationTokenSource();
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, share.Token);
            var socket = new Socket(addresses[i].AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(addresses[i], endPoint.Port), either.Token);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception exception)
            {
                socket.Dispose();
                if (exception is not SocketException && !(exception is OperationCanceledException && share.IsCancellationRequested && !cancellationToken.IsCancellationRequested))
                    throw;
                last = exception;
            }
        }

        throw new StoreException(StoreError.Unavailable, $"{Name(endPoint)} cannot be connected to: {last?.Message}");
    }

    private static string Name(DnsEndPoint endPoint) => $"{endPoint.Host}:{endPoint.Port}";

    private static StoreException Refused(string message) => new(StoreError.InvalidLocation, message);
}
