using System.Diagnostics;
using System.Text.Json;

namespace GlanceGateway.Host.Tests.Commands;

public sealed class ServeTests : IDisposable
{
    private static readonly string[] Serve = ["serve", "--data", "data", "--listen", "127.0.0.1:0", "--json"];

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_second_gateway_is_refused_until_the_first_is_killed()
    {
        string first;
        using (var gateway = BuiltGateway.Start(_directory.Path, Serve))
        {
            try
            {
                first = await AddressAsync(gateway);
                var second = await BuiltGateway.RunAsync(_directory.Path, Serve);

                Assert.Equal((1, ""), (second.ExitCode, second.Output));
                Assert.Contains($"is in use by process {gateway.Id} (", second.Error, StringComparison.Ordinal);
            }
            finally
            {
                await KillAsync(gateway);
            }
        }

        using var successor = BuiltGateway.Start(_directory.Path, Serve);
        try
        {
            Assert.StartsWith("http://127.0.0.1:", await AddressAsync(successor), StringComparison.Ordinal);
            Assert.StartsWith("http://127.0.0.1:", first, StringComparison.Ordinal);
        }
        finally
        {
            await KillAsync(successor);
        }
    }

    [Fact]
    public async Task A_signal_to_end_is_a_success()
    {
        using var gateway = BuiltGateway.Start(_directory.Path, Serve);
        try
        {
            await AddressAsync(gateway);
            using var kill = Process.Start("kill", ["-TERM", $"{gateway.Id}"]);
            await gateway.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

            Assert.Equal(0, gateway.ExitCode);
        }
        finally
        {
            await KillAsync(gateway);
        }
    }

    [Fact]
    public async Task A_signal_that_comes_twice_at_once_is_one_request_to_end()
    {
        using var gateway = BuiltGateway.Start(_directory.Path, Serve);
        try
        {
            await AddressAsync(gateway);
            // As timeout(1) does: two deliveries a few milliseconds apart, too far for the kernel to make one of them.
            using var kill = Process.Start("sh", ["-c", "kill -TERM $0; sleep 0.005; kill -TERM $0 2>&-; sleep 0.005; kill -TERM $0 2>&-", $"{gateway.Id}"]);
            await gateway.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

            Assert.Equal(0, gateway.ExitCode);
        }
        finally
        {
            await KillAsync(gateway);
        }
    }

    [Theory]
    [InlineData("192.0.2.1:9", "cannot listen")]
    [InlineData("taken", "address already in use")]
    public async Task An_address_that_cannot_be_had_is_one_line_of_error(string address, string message)
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();

        var outcome = await BuiltGateway.RunAsync(
            _directory.Path, ["serve", "--data", "data", "--insecure-listen", "--listen", address == "taken" ? taken.LocalEndpoint.ToString()! : address]);

        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.Contains(message, Assert.Single(outcome.Error.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
    }

    private static async Task<string> AddressAsync(Process gateway)
    {
        var line = await gateway.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.NotNull(line);
        using var document = JsonDocument.Parse(line);
        return document.RootElement.GetProperty("address").GetString()!;
    }

    private static async Task KillAsync(Process process)
    {
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
    }
}
