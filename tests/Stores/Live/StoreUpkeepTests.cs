namespace GlanceGateway.Stores.Tests.Live;

public sealed class StoreUpkeepTests
{
    private static readonly StoreUpkeepOptions Quick = new()
    {
        PollInterval = TimeSpan.FromMilliseconds(300),
        QuietTime = TimeSpan.FromMilliseconds(100),
        RetryFirst = TimeSpan.FromMilliseconds(100),
        RetryMost = TimeSpan.FromMilliseconds(400),
    };

    [Theory]
    [InlineData("copy")]
    [InlineData("rename")]
    [InlineData("directory")]
    public async Task Change_is_noticed_however_it_is_made(string way)
    {
        await using var live = await LiveStores.OpenAsync();

        // So long a poll that only the kernel's notification can be in time.
        await using var upkeep = Start(live, Quick with { PollInterval = TimeSpan.FromMinutes(10) });
        var folder = live.Root["plugins/FileSystem"];
        var incoming = live.PutFileSystem("2.0.0", live.Root["plugins/.incoming"]);
        switch (way)
        {
            case "copy":
                foreach (var file in Directory.EnumerateFiles(incoming))
                    File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
                break;
            case "rename":
                foreach (var file in Directory.EnumerateFiles(incoming))
                    File.Move(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
                break;
            default:
                Directory.Move(folder, live.Root["plugins/.old"]);
                Directory.Move(incoming, folder);
                break;
        }

        await LiveStores.UntilAsync(() => live.Set.Default.Plugin?.Version == "2.0.0", "version 2.0.0 serves");
        Assert.Equal(new byte[9], await LiveStores.ReadAsync(live.Set.Default.Driver, (await LiveStores.StoreAsync(live.Set.Default.Driver, new byte[9])).Location));
    }

    [Fact]
    public async Task Plugin_dropped_in_brings_up_the_store_that_waits_for_it()
    {
        await using var live = await LiveStores.OpenAsync(null, StoreSets.Store("ram", "memory"));
        Assert.Equal("No plugin provides the driver 'memory' (no usable plugin was found).", live.Set.Default.Problem);
        await using var upkeep = Start(live, Quick);

        PluginFolders.CopyProduct("Memory", live.Plugins);

        await LiveStores.UntilAsync(() => live.Set.Default.State == StoreState.Ready, "the store serves");
        Assert.Null(live.Set.Default.Problem);
    }

    [Fact]
    public async Task Directory_that_cannot_be_watched_is_polled()
    {
        await using var live = await LiveStores.OpenAsync(null, StoreSets.Store("ram", "memory"));
        Directory.Delete(live.Plugins);
        await using var upkeep = Start(live, Quick);

        // Nobody can be notified of what happens in a directory that does not exist.
        PluginFolders.CopyProduct("Memory", live.Root["made"]);
        Directory.Move(live.Root["made"], live.Plugins);

        await LiveStores.UntilAsync(() => live.Set.Default.State == StoreState.Ready, "the store serves");
    }

    [Fact]
    public async Task Half_a_copy_is_refused_and_the_whole_is_used()
    {
        await using var live = await LiveStores.OpenAsync();
        await using var upkeep = Start(live, Quick);
        var whole = live.PutFileSystem("2.0.0", live.Root["other"]);
        var assembly = await File.ReadAllBytesAsync(Path.Combine(whole, "GlanceGateway.Plugins.FileSystem.dll"), LiveStores.Cancel);
        var target = Path.Combine(live.Root["plugins/FileSystem"], "GlanceGateway.Plugins.FileSystem.dll");

        await File.WriteAllBytesAsync(target, assembly[..(assembly.Length / 2)], LiveStores.Cancel);
        await LiveStores.UntilAsync(() => live.Set.Refusals.Count == 1, "half a copy is refused");
        Assert.Equal("1.0.0", live.Set.Default.Plugin!.Version);

        await File.WriteAllBytesAsync(target, assembly, LiveStores.Cancel);
        LiveStores.SetVersion(live.Root["plugins/FileSystem"], "2.0.0");
        await LiveStores.UntilAsync(() => live.Set.Default.Plugin!.Version == "2.0.0", "the whole one serves");
        await LiveStores.UntilAsync(() => live.Set.Refusals.Count == 0, "nothing is refused any more");
    }

    [Fact]
    public async Task Store_that_failed_is_tried_again_until_it_starts()
    {
        await using var live = await LiveStores.OpenAsync();
        var second = LiveStores.Disk(live.Root, "second", isDefault: false);
        await File.WriteAllTextAsync(live.Root["images-second"], "a file where the directory should be", LiveStores.Cancel);
        await live.Set.UseAsync(PluginCatalog.Scan([live.Plugins]), [LiveStores.Disk(live.Root), second], LiveStores.Cancel);
        Assert.Equal(StoreState.Failed, live.Set.All[1].State);
        await using var upkeep = Start(live, Quick);
        await LiveStores.UntilAsync(() => live.Log.Lines.Any(line => line.StartsWith("Information: Store second did not start and is tried again in", StringComparison.Ordinal)), "a retry is planned");

        File.Delete(live.Root["images-second"]);

        await LiveStores.UntilAsync(() => live.Set.All[1].State == StoreState.Ready, "the second store serves");
        Assert.Single(live.Log.Lines, line => line.StartsWith("Error: Store second did not start: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_watching_nothing_changes_by_itself_and_failures_are_retried()
    {
        await using var live = await LiveStores.OpenAsync();
        var second = LiveStores.Disk(live.Root, "second", isDefault: false);
        await File.WriteAllTextAsync(live.Root["images-second"], "a file where the directory should be", LiveStores.Cancel);
        await live.Set.UseAsync(PluginCatalog.Scan([live.Plugins]), [LiveStores.Disk(live.Root), second], LiveStores.Cancel);
        await using var upkeep = Start(live, Quick with { WatchPlugins = false });
        live.PutFileSystem("2.0.0");
        File.Delete(live.Root["images-second"]);

        await LiveStores.UntilAsync(() => live.Set.All[1].State == StoreState.Ready, "the second store serves");

        Assert.Equal("1.0.0", live.Set.Default.Plugin!.Version);
    }

    private static StoreUpkeep Start(LiveStores live, StoreUpkeepOptions options) =>
        StoreUpkeep.Start(live.Set, PluginCatalog.Scan([live.Plugins]), options, live.Log, TimeProvider.System);
}
