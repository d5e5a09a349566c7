using System.Net.Sockets;
using System.Text;
using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>What a service manager hears of a gateway, at the socket of sd_notify(3).</summary>
public sealed class ServiceNoticesTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };

    public void Dispose()
    {
        _manager.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task It_hears_ready_then_that_the_gateway_is_alive_then_that_it_stops()
    {
        _manager.Bind(new UnixDomainSocketEndPoint(_directory["notify"]));
        await using var gateway = await GatewayProcess.StartAsync(
            _directory["data"], new Dictionary<string, string> { ["NOTIFY_SOCKET"] = _directory["notify"], ["WATCHDOG_USEC"] = "900000", ["WATCHDOG_PID"] = "" });

        Assert.Equal("READY=1", Hear());
        Assert.Equal("WATCHDOG=1", Hear());
        Assert.Equal("WATCHDOG=1", Hear());
        Assert.Equal(0, await gateway.TerminateAsync());
        var last = Hear();
        while (last == "WATCHDOG=1")
            last = Hear();
        Assert.Equal("STOPPING=1", last);
    }

    [Fact]
    public async Task A_gateway_whose_manager_is_gone_serves_all_the_same()
    {
        await using var gateway = await GatewayProcess.StartAsync(
            _directory["data"], new Dictionary<string, string> { ["NOTIFY_SOCKET"] = _directory["nobody"], ["WATCHDOG_USEC"] = "100000" });

        await Task.Delay(500, TestContext.Current.CancellationToken);
        Assert.Equal(0, await gateway.TerminateAsync());
    }

    private string Hear()
    {
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer));
    }
}
