using GlanceGateway.Abstractions;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests;

public sealed class StoreSetTests : IDisposable
{
    private readonly TempDirectory root = new();

    public StoreSetTests()
    {
        PluginFolders.CopyProduct("Memory", root["plugins"]);
        PluginFolders.CopyProduct("FileSystem", root["plugins"]);
    }

    public void Dispose() => root.Dispose();

    [Fact]
    public async Task Single_store_is_the_default()
    {
        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "memory"));

        Assert.True(set.Default.IsDefault);
        Assert.Equal(("only", "memory", StoreState.Ready), (set.Default.Id, set.Default.DriverName, set.Default.State));
        Assert.Null(set.Default.Problem);
        Assert.False(set.TryGet("other", out _));
    }

    [Fact]
    public async Task A_store_tells_its_options_with_defaults_and_whether_it_is_read_only()
    {
        await using var set = await StoreSets.OpenAsync(
            root, StoreSets.Store("a", "memory", ("max_size", "1MiB")) with { IsDefault = true }, StoreSets.Store("b", "memory") with { IsReadOnly = true });

        Assert.Equal(1L << 20, set.Default.Settings["max_size"]);
        Assert.Equal([false, true], set.All.Select(store => store.IsReadOnly));
    }

    [Fact]
    public void Secrets_are_not_told()
    {
        OptionDescriptor[] described = [new("key", OptionType.Text, "", Secret: true), new("bucket", OptionType.Text, "", Default: "b"), new("host", OptionType.Text, "")];
        var told = OptionReader.Tellable(described, new Dictionary<string, object?> { ["key"] = "hush" });
        Assert.Equal([KeyValuePair.Create<string, object>("bucket", "b")], told);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("a\n")]
    [InlineData("os_glance_staging_store")]
    [InlineData("a2345678901234567890123456789012345678901234567890123456789012345")]
    public async Task Bad_ids_are_refused(string id) =>
        Assert.Equal(StoreError.Misconfigured, (await Assert.ThrowsAsync<StoreException>(() => StoreSets.OpenAsync(root, StoreSets.Store(id, "memory")))).Error);

    [Fact]
    public async Task Contradictions_are_refused()
    {
        var one = StoreSets.Store("one", "memory");
        var two = StoreSets.Store("two", "memory");

        Assert.Contains("No store", (await Assert.ThrowsAsync<StoreException>(() => StoreSets.OpenAsync(root))).Message, StringComparison.Ordinal);
        Assert.Contains("None of the stores 'one', 'two'", (await Assert.ThrowsAsync<StoreException>(() => StoreSets.OpenAsync(root, one, two))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "all marked as the default",
            (await Assert.ThrowsAsync<StoreException>(() => StoreSets.OpenAsync(root, one with { IsDefault = true }, two with { IsDefault = true }))).Message,
            StringComparison.Ordinal);
        Assert.Contains("more than once", (await Assert.ThrowsAsync<StoreException>(() => StoreSets.OpenAsync(root, one, one))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failed_default_store_is_shown_not_thrown()
    {
        await using var set = await StoreSets.OpenAsync(
            root, StoreSets.Store("broken", "filesystem", ("directory", "relative/path")) with { IsDefault = true }, StoreSets.Store("fine", "memory"));

        Assert.Equal(StoreState.Failed, set.Default.State);
        Assert.Equal("Option 'directory' is 'relative/path', which is not an absolute path.", set.Default.Problem);
        Assert.Equal(StoreState.Ready, set.All[1].State);
    }

    [Fact]
    public async Task Second_store_over_the_same_directory_is_refused_even_through_a_link()
    {
        Directory.CreateDirectory(root["images"]);
        Directory.CreateSymbolicLink(root["alias"], root["images"]);

        await using var set = await StoreSets.OpenAsync(
            root,
            StoreSets.Store("first", "filesystem", ("directory", root["images"])) with { IsDefault = true },
            StoreSets.Store("second", "filesystem", ("directory", root["alias"] + "/")));

        Assert.Equal(StoreState.Ready, set.All[0].State);
        Assert.Equal($"It would write to '{root["images"]}', which store 'first' writes to already. Give it a directory of its own.", set.All[1].Problem);
    }

    [Fact]
    public async Task Location_finds_its_store_by_id_or_scheme()
    {
        await using var set = await StoreSets.OpenAsync(
            root,
            StoreSets.Store("disk", "filesystem", ("directory", root["images"])) with { IsDefault = true },
            StoreSets.Store("light", "memory") with { Weight = 1 },
            StoreSets.Store("heavy", "memory") with { Weight = 2 });

        Assert.Equal(["light"], set.FindByLocation("file:///anything", "light").Select(store => store.Id));
        Assert.Empty(set.FindByLocation("memory://light/x", "removed"));
        Assert.Equal(["disk"], set.FindByLocation("file:///x", null).Select(store => store.Id));
        Assert.Equal(["heavy", "light"], set.FindByLocation("memory://light/x", null).Select(store => store.Id));
        Assert.Empty(set.FindByLocation("rbd://x", null));
        Assert.Empty(set.FindByLocation("nonsense", null));
    }

    [Fact]
    public async Task Scratch_directories_are_private_and_emptied_at_start()
    {
        Directory.CreateDirectory(root["scratch/only/old"]);

        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "memory"));

        Assert.Empty(Directory.EnumerateFileSystemEntries(root["scratch/only"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(root["scratch/only"]));
    }

    [Fact]
    public async Task Drain_waits_for_open_transfers_and_lets_none_begin()
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var set = await StoreSets.OpenAsync(root, StoreSets.Store("only", "memory"));
        var driver = set.Default.Driver;
        var attempt = new WriteAttempt(Guid.NewGuid().ToString(), Guid.NewGuid().ToString("N"));
        var writer = (await driver.BeginWriteAsync(new WriteRequest(attempt, null, null), cancel)).Value!;

        var draining = set.DrainAsync(cancel);
        Assert.False(draining.IsCompleted);
        var refused = await Assert.ThrowsAsync<StoreException>(async () => await driver.OpenAsync("memory://only/x", cancel));
        Assert.Equal(StoreError.Unavailable, refused.Error);
        Assert.True((await writer.CommitAsync(cancel)).IsOk);
        await writer.DisposeAsync();

        await draining.WaitAsync(TimeSpan.FromSeconds(10), cancel);
    }

    [Fact]
    public async Task Cancelled_start_leaves_nothing_open()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => StoreSet.OpenAsync(
            PluginCatalog.Scan([root["plugins"]]),
            [StoreSets.Store("only", "memory")],
            new StoreSetOptions { ScratchRoot = root["scratch"] },
            Quiet.Loggers,
            TimeProvider.System,
            cancelled.Token));
    }
}
