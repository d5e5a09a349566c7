using GlanceGateway.Abstractions;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

public sealed class PluginLoadingTests : IDisposable
{
    private readonly TempDirectory root = new();

    public void Dispose() => root.Dispose();

    [Fact]
    public async Task Broken_assembly_fails_its_store_and_no_other()
    {
        var folder = PluginFolders.CopyTest("NoFactory", root["plugins"]);
        File.WriteAllText(Path.Combine(folder, "GlanceGateway.TestPlugins.NoFactory.dll"), "MZ but not really");
        PluginFolders.CopyProduct("Memory", root["plugins"]);

        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("good", "memory") with { IsDefault = true }, StoreSets.Store("bad", "nofactory"));

        Assert.Equal(StoreState.Ready, set.Default.State);
        Assert.True(set.TryGet("bad", out var bad));
        Assert.Equal(StoreState.Failed, bad.State);
        Assert.Contains("is not a .NET assembly, or is damaged", bad.Problem, StringComparison.Ordinal);
        Assert.Contains(folder, bad.Problem, StringComparison.Ordinal);
        var refused = Assert.Throws<StoreException>(() => bad.Driver);
        Assert.Equal(StoreError.Unavailable, refused.Error);
        Assert.Contains("Store 'bad' did not start", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NoFactory", "has no public IStorageDriverFactory")]
    [InlineData("TwoFactories", "has 2 factories where one is expected: GlanceGateway.TestPlugins.TwoFactories.FactoryOne, GlanceGateway.TestPlugins.TwoFactories.FactoryTwo")]
    [InlineData("ThrowingFactory", "Its factory failed: InvalidOperationException: libmissing.so.7 was not found")]
    public async Task Wrong_factory_is_named(string project, string reason)
    {
        PluginFolders.CopyTest(project, root["plugins"]);

        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", project.ToLowerInvariant()));

        Assert.Equal(StoreState.Failed, set.Default.State);
        Assert.Contains(reason, set.Default.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("misconfigured", "Option 'start' cannot work; choose another.")]
    [InlineData("throw", "The driver failed to start: PrivateException: a bug of the driver")]
    [InlineData("hang", "The driver did not start within 2 s.")]
    [InlineData("nothing", "The factory returned no driver, which is a bug of the plugin.")]
    public async Task Start_that_fails_gives_its_reason(string start, string reason)
    {
        PluginFolders.CopyTest("Starter1", root["plugins"]);

        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "starter1", ("start", start)));

        Assert.Equal(reason, set.Default.Problem);
    }

    [Fact]
    public async Task Two_plugins_use_two_versions_of_one_library()
    {
        PluginFolders.CopyTest("Starter1", root["plugins"]);
        PluginFolders.CopyTest("Starter2", root["plugins"]);

        await using var set = await StoreSets.OpenAsync(
            root, StoreSets.Store("one", "starter1", ("start", "greet")) with { IsDefault = true }, StoreSets.Store("two", "starter2", ("start", "greet")));

        Assert.Equal(["Greetings of library 1.", "Greetings of library 2."], set.All.Select(store => store.Problem));
    }

    [Fact]
    public async Task Missing_private_library_is_named()
    {
        var folder = PluginFolders.CopyTest("Starter1", root["plugins"]);
        File.Delete(Path.Combine(folder, "GlanceGateway.TestPlugins.Library.dll"));

        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "starter1", ("start", "greet")));

        Assert.Contains("GlanceGateway.TestPlugins.Library", set.Default.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Loaded_files_may_be_overwritten_in_place()
    {
        var folder = PluginFolders.CopyProduct("Memory", root["plugins"]);
        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "memory"));

        foreach (var file in Directory.EnumerateFiles(folder))
            await File.WriteAllBytesAsync(file, new byte[10], TestContext.Current.CancellationToken);

        var attempt = new WriteAttempt(Guid.NewGuid().ToString(), Guid.NewGuid().ToString("N"));
        var begin = await set.Default.Driver.BeginWriteAsync(new WriteRequest(attempt, null, null), TestContext.Current.CancellationToken);
        await using var writer = begin.Value!;
        Assert.True((await writer.CommitAsync(TestContext.Current.CancellationToken)).IsOk);
    }

    [Fact]
    public async Task Unknown_driver_lists_the_known_and_guesses()
    {
        PluginFolders.CopyProduct("Memory", root["plugins"]);

        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "memroy"));

        Assert.Equal("No plugin provides the driver 'memroy' (known: memory). Did you mean 'memory'?", set.Default.Problem);
    }

    [Fact]
    public async Task Plugin_that_is_not_trusted_is_named_with_its_reason()
    {
        var folder = PluginFolders.CopyProduct("Memory", root["plugins"]);
        File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupWrite);

        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "memory"));

        Assert.StartsWith($"The plugin in '{folder}' cannot be used. '{folder}' can be changed by its group", set.Default.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secret_of_a_wrong_type_is_not_repeated()
    {
        PluginFolders.CopyTest("Starter1", root["plugins"]);

        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "starter1", ("start", "greet"), ("password", "hunter2")));

        Assert.Equal("Option 'password' is not a whole number.", set.Default.Problem);
    }
}
