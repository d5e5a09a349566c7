using GlanceGateway.Abstractions;

namespace GlanceGateway.Stores.Tests.Live;

public sealed class StoreChangeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Store_is_added_changed_and_removed_while_the_others_serve()
    {
        await using var live = await LiveStores.OpenAsync();
        var first = live.Set.Default.Driver;
        var catalog = PluginCatalog.Scan([live.Plugins]);
        var disk = LiveStores.Disk(live.Root);
        var second = LiveStores.Disk(live.Root, "second", isDefault: false);

        Assert.Empty(await live.Set.UseAsync(catalog, [disk, second], Cancel));
        Assert.Equal(["disk", "second"], live.Set.All.Select(store => store.Id));
        Assert.Same(first, live.Set.Default.Driver);
        Assert.True(live.Set.TryGet("second", out var added));
        var stored = await LiveStores.StoreAsync(added.Driver, new byte[10]);
        Assert.StartsWith($"file://{live.Root["images-second"]}/", stored.Location, StringComparison.Ordinal);

        Assert.Empty(await live.Set.UseAsync(catalog, [disk with { IsDefault = false, Weight = 7 }, second with { IsDefault = true, Options = disk.Options.ToDictionary(o => o.Key, _ => (object?)live.Root["moved"]) }], Cancel));
        Assert.Equal("second", live.Set.Default.Id);
        Assert.Equal(7, live.Set.All[0].Weight);
        Assert.Same(first, live.Set.All[0].Driver);
        Assert.StartsWith($"file://{live.Root["moved"]}/", (await LiveStores.StoreAsync(added.Driver, new byte[10])).Location, StringComparison.Ordinal);

        Assert.Empty(await live.Set.UseAsync(catalog, [disk], Cancel));
        Assert.Equal(["disk"], live.Set.All.Select(store => store.Id));
        Assert.Contains(live.Log.Lines, line => line.StartsWith("Information: Store second is removed", StringComparison.Ordinal));
        Assert.Equal(StoreError.Unavailable, (await Assert.ThrowsAsync<StoreException>(async () => await added.Driver.OpenAsync(stored.Location, Cancel))).Error);
        Assert.Same(first, live.Set.Default.Driver);
    }

    [Fact]
    public async Task Change_that_cannot_be_used_leaves_the_store_as_it_was()
    {
        await using var live = await LiveStores.OpenAsync();
        var catalog = PluginCatalog.Scan([live.Plugins]);
        var first = live.Set.Default.Driver;

        var unused = await live.Set.UseAsync(catalog, [StoreSets.Store("disk", "filesystem", ("directory", "relative"))], Cancel);

        Assert.Equal("Option 'directory' is 'relative', which is not an absolute path.", unused["disk"]);
        Assert.Same(first, live.Set.Default.Driver);
        Assert.Equal(StoreState.Ready, live.Set.Default.State);
        Assert.Contains("Error: The change of store disk is not used, it serves on as before: Option 'directory' is 'relative', which is not an absolute path.", live.Log.Lines);

        unused = await live.Set.UseAsync(catalog, [StoreSets.Store("disk", "filesytem", ("directory", "/x"))], Cancel);
        Assert.Contains("Did you mean 'filesystem'?", unused["disk"], StringComparison.Ordinal);
        Assert.Same(first, live.Set.Default.Driver);
    }

    [Fact]
    public async Task Contradicting_definitions_change_nothing()
    {
        await using var live = await LiveStores.OpenAsync();
        var (disk, second) = (LiveStores.Disk(live.Root), LiveStores.Disk(live.Root, "second"));

        await Assert.ThrowsAsync<StoreException>(() => live.Set.UseAsync(PluginCatalog.Scan([live.Plugins]), [disk, second], Cancel));

        Assert.Equal(["disk"], live.Set.All.Select(store => store.Id));
    }

    [Fact]
    public async Task Store_that_comes_later_keeps_off_paths_that_are_taken_or_objected_to()
    {
        await using var live = await LiveStores.OpenAsync((root, options) => options with { ObjectionToPath = path => path == root["images-mounted"] ? "It lies under the mount." : null });
        var alias = StoreSets.Store("alias", "filesystem", ("directory", live.Root["images-disk"]));

        await live.Set.UseAsync(PluginCatalog.Scan([live.Plugins]), [LiveStores.Disk(live.Root), alias, LiveStores.Disk(live.Root, "mounted", isDefault: false)], Cancel);

        Assert.Equal(
            [null, $"It would write to '{live.Root["images-disk"]}', which store 'disk' writes to already. Give it a directory of its own.", "It lies under the mount."],
            live.Set.All.Select(store => store.Problem));
    }
}
