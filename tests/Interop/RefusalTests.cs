using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>What <c>serve</c> does not start with.</summary>
public sealed class RefusalTests
{
    [Fact]
    public async Task A_second_gateway_on_the_same_data_is_refused_and_the_first_goes_on()
    {
        await using var site = await Site.StartedAsync();

        var second = await ServeAsync("--data", site.Data);

        Assert.Equal(1, second.ExitCode);
        Assert.Contains($"the data directory {site.Data} is in use by process {site.Gateway.Id} ", second.Error, StringComparison.Ordinal);
        await site.Images.CreateAsync("still here", new PatternContent(1000));
    }

    [Theory]
    [InlineData("data: $ROOT/mount/data", "data")]
    [InlineData("stores: { here: { driver: filesystem, directory: $ROOT/mount/store } }", "stores.here")]
    [InlineData("log: { file: $ROOT/mount/log }", "log.file")]
    public async Task Nothing_of_its_own_may_lie_under_its_mount(string yaml, string key)
    {
        using var directory = new TempDirectory();
        Directory.CreateDirectory(directory["mount"]);
        var data = yaml.StartsWith("data:", StringComparison.Ordinal) ? "" : $"\ndata: {directory["data"]}";
        await File.WriteAllTextAsync(
            directory["gateway.yaml"], $"{yaml.Replace("$ROOT", directory.Path, StringComparison.Ordinal)}{data}\nmount: {{ directory: {directory["mount"]} }}", TestContext.Current.CancellationToken);

        var refused = await ServeAsync("--config", directory["gateway.yaml"]);

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains($"lies under the mount {directory["mount"]}", refused.Error, StringComparison.Ordinal);
        Assert.Contains(key, refused.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(directory["mount"]));
    }

    private static Task<CommandResult> ServeAsync(params string[] arguments) =>
        Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "serve", "--listen", "127.0.0.1:0", .. arguments]);
}
