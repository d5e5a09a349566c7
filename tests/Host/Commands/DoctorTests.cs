using System.Text.Json;

namespace GlanceGateway.Host.Tests.Commands;

public sealed class DoctorTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_healthy_gateway_is_said_to_be_so_and_nothing_is_left_behind()
    {
        var outcome = await BuiltGateway.RunAsync(_directory.Path, ["doctor", "--json", "--data", "data"]);

        Assert.Equal(0, outcome.ExitCode);
        using var document = JsonDocument.Parse(outcome.Output);
        Assert.True(document.RootElement.GetProperty("healthy").GetBoolean());
        var checks = document.RootElement.GetProperty("findings").EnumerateArray().ToDictionary(f => f.GetProperty("check").GetString()! + f.GetProperty("text").GetString(), f => f.GetProperty("verdict").GetString());
        foreach (var step in new[] { "write", "read", "range", "delete" })
        {
            Assert.Equal("fine", checks.Single(check => check.Key.StartsWith($"store default: {step}", StringComparison.Ordinal)).Value);
        }

        Assert.Empty(Directory.EnumerateFiles(_directory.Below("data", "images")));
    }

    [Fact]
    public async Task What_is_wrong_comes_with_a_remedy_and_exit_code_1()
    {
        await File.WriteAllTextAsync(_directory.Below("file"), "", TestContext.Current.CancellationToken);
        _directory.Write(
            "gateway.yaml",
            $"stores:\n  good: {{ driver: memory, default: true }}\n  bad: {{ driver: filesystem, directory: {_directory.Below("file", "images")} }}\n"
            + "database: { provider: postgresql, connection: 'Host=127.0.0.1;Port=1;Database=d;Username=u;Password=hunter2' }\n"
            + $"mount: {{ directory: {_directory.Below("mount")}, keeper: {_directory.Below("nobody.sock")} }}\n");

        var text = await BuiltGateway.RunAsync(_directory.Path, ["doctor", "-c", "gateway.yaml", "--data", "data"]);

        Assert.Equal(1, text.ExitCode);
        Assert.Contains("ok    store good: write: ", text.Output, StringComparison.Ordinal);
        Assert.Contains("BAD   store bad: start: directory '", text.Output, StringComparison.Ordinal);
        Assert.Contains("→ Correct the store's options in the configuration", text.Output, StringComparison.Ordinal);
        Assert.Contains("BAD   database: ", text.Output, StringComparison.Ordinal);
        Assert.Contains("BAD   fuse: No keeper answers at ", text.Output, StringComparison.Ordinal);
        Assert.EndsWith("3 things are wrong.\n", text.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", text.Output + text.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stores_are_listed_with_the_time_that_a_probe_took()
    {
        var outcome = await BuiltGateway.RunAsync(_directory.Path, ["stores", "list", "--probe", "--json", "--data", "data"]);

        Assert.Equal(0, outcome.ExitCode);
        using var document = JsonDocument.Parse(outcome.Output);
        var store = Assert.Single(document.RootElement.GetProperty("stores").EnumerateArray().ToList());
        Assert.Equal(64, store.GetProperty("sha256").GetString()!.Length);
        Assert.Equal(["capacity", "write", "read", "range", "delete"], store.GetProperty("probe").EnumerateArray().Select(step => step.GetProperty("step").GetString()));
        Assert.All(store.GetProperty("probe").EnumerateArray().ToList(), step => Assert.True(step.GetProperty("milliseconds").GetDouble() >= 0));
    }
}
