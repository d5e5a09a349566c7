using System.Net;
using System.Net.Sockets;
using System.Text;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores.Tests.Outbound;

public sealed class GuardedConnectorTests : IDisposable
{
    private static readonly IPNetwork s_loopback = IPNetwork.Parse("127.0.0.0/8");

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<string> _asked = [];

    public GuardedConnectorTests() => _listener.Start();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Dispose() => _listener.Dispose();

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    [InlineData("::ffff:127.0.0.1")]
    public async Task Loopback_is_refused_before_a_packet_is_sent(string host)
    {
        var connector = new GuardedConnector(new OutboundRules(), TimeProvider.System);

        var refusal = await Assert.ThrowsAsync<StoreException>(() => connector.ConnectAsync(new DnsEndPoint(host, Port), Cancel).AsTask());

        Assert.Equal(StoreError.InvalidLocation, refusal.Error);
        Assert.Contains("loopback", refusal.Message, StringComparison.Ordinal);
        Assert.False(_listener.Pending());
    }

    [Theory]
    [InlineData("2130706433")]
    [InlineData("0x7f.1")]
    [InlineData("127.1")]
    public async Task An_odd_form_of_an_allowed_address_is_refused_too(string host)
    {
        var refusal = await Assert.ThrowsAsync<StoreException>(() => Allowing().ConnectAsync(new DnsEndPoint(host, Port), Cancel).AsTask());

        Assert.Equal(StoreError.InvalidLocation, refusal.Error);
        Assert.False(_listener.Pending());
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    public async Task An_allowed_network_is_connected_to_and_carries_bytes(string host)
    {
        await using var stream = await Allowing().ConnectAsync(new DnsEndPoint(host, Port), Cancel);
        using var peer = await _listener.AcceptTcpClientAsync(Cancel);
        await stream.WriteAsync("ping"u8.ToArray(), Cancel);
        var buffer = new byte[4];
        await peer.GetStream().ReadExactlyAsync(buffer, Cancel);

        Assert.Equal("ping", Encoding.ASCII.GetString(buffer));
    }

    [Fact]
    public async Task A_name_is_resolved_once_and_what_it_becomes_afterwards_does_not_count()
    {
        // Rebinding: the first answer is harmless, the next one is what the attacker wants.
        IPAddress[][] answers = [[IPAddress.Parse("127.0.0.1")], [IPAddress.Parse("127.0.0.99")]];
        var connector = Allowing((host, _) =>
        {
            _asked.Add(host);
            return Task.FromResult(answers[_asked.Count - 1]);
        });

        await using var stream = await connector.ConnectAsync(new DnsEndPoint("rebind.example.org", Port), Cancel);
        using var peer = await _listener.AcceptTcpClientAsync(Cancel);

        Assert.Equal(["rebind.example.org"], _asked);
    }

    [Fact]
    public async Task Of_several_addresses_only_the_allowed_ones_are_tried()
    {
        using var other = new TcpListener(IPAddress.Parse("127.0.0.2"), Port);
        other.Start();
        var only = new OutboundRules { AllowedNetworks = [IPNetwork.Parse("127.0.0.1/32")] };
        var connector = new GuardedConnector(only, TimeProvider.System, Answer("127.0.0.2", "10.0.0.1", "127.0.0.1"));

        await using var stream = await connector.ConnectAsync(new DnsEndPoint("many.example.org", Port), Cancel);
        using var peer = await _listener.AcceptTcpClientAsync(Cancel);

        Assert.False(other.Pending());
    }

    [Fact]
    public async Task A_dead_address_is_passed_over_for_the_next_one()
    {
        await using var stream = await Allowing(Answer("127.0.0.3", "127.0.0.1")).ConnectAsync(new DnsEndPoint("two.example.org", Port), Cancel);
        using var peer = await _listener.AcceptTcpClientAsync(Cancel);

        Assert.True(peer.Connected);
    }

    [Fact]
    public async Task What_cannot_be_reached_is_unavailable()
    {
        _listener.Stop();
        var closed = await Assert.ThrowsAsync<StoreException>(() => Allowing(Answer("127.0.0.1")).ConnectAsync(new DnsEndPoint("down.example.org", 1), Cancel).AsTask());
        var unknown = await Assert.ThrowsAsync<StoreException>(
            () => Allowing((_, _) => throw new SocketException((int)SocketError.HostNotFound)).ConnectAsync(new DnsEndPoint("no.example.org", 80), Cancel).AsTask());
        var empty = await Assert.ThrowsAsync<StoreException>(() => Allowing(Answer()).ConnectAsync(new DnsEndPoint("none.example.org", 80), Cancel).AsTask());

        Assert.All([closed, unknown, empty], fault => Assert.Equal(StoreError.Unavailable, fault.Error));
    }

    [Fact]
    public async Task A_resolver_that_hangs_is_given_up()
    {
        var rules = new OutboundRules { ConnectTimeout = TimeSpan.FromMilliseconds(50) };
        var connector = new GuardedConnector(rules, TimeProvider.System, (_, _) => new TaskCompletionSource<IPAddress[]>().Task);

        var fault = await Assert.ThrowsAsync<StoreException>(() => connector.ConnectAsync(new DnsEndPoint("slow.example.org", 80), Cancel).AsTask());

        Assert.Equal(StoreError.TimedOut, fault.Error);
    }

    [Fact]
    public async Task The_callers_cancellation_is_a_cancellation()
    {
        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        var connector = Allowing((_, _) => new TaskCompletionSource<IPAddress[]>().Task);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connector.ConnectAsync(new DnsEndPoint("slow.example.org", 80), cancelled.Token).AsTask());
    }

    private static GuardedConnector Allowing(Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null) =>
        new(new OutboundRules { AllowedNetworks = [s_loopback] }, TimeProvider.System, resolve ?? Dns.GetHostAddressesAsync);

    private static Func<string, CancellationToken, Task<IPAddress[]>> Answer(params string[] addresses) =>
        (_, _) => Task.FromResult<IPAddress[]>([.. addresses.Select(IPAddress.Parse)]);
}
