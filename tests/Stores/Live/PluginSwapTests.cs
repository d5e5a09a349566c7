using GlanceGateway.Abstractions;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Live;

public sealed class PluginSwapTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Swaps_under_load_fail_no_call_and_leave_no_old_driver_in_memory()
    {
        await using var live = await LiveStores.OpenAsync();
        var swaps = Requires.FullCounts ? 60 : 8;
        var old = new List<WeakReference>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var calls = 0;
        var workers = Enumerable.Range(0, 3).Select(worker => Task.Run(async () =>
        {
            var bytes = new byte[200_000 + worker];
            new Random(worker).NextBytes(bytes);

            // The same reference for ever: a swap must not strand whoever keeps a driver.
            var kept = live.Set.Default.Driver;
            while (!stop.IsCancellationRequested)
            {
                var driver = calls % 2 == 0 ? kept : live.Set.Default.Driver;
                var stored = await LiveStores.StoreAsync(driver, bytes);
                Assert.Equal(bytes, await LiveStores.ReadAsync(driver, stored.Location));
                Assert.Equal(StoreOutcome.Ok, await driver.DeleteAsync(stored.Location, Cancel));
                Interlocked.Increment(ref calls);
            }
        })).ToList();

        for (var swap = 2; swap < swaps + 2; swap++)
        {
            old.Add(live.DriverOf("disk"));
            live.PutFileSystem($"{swap}.0.0");
            await live.RefreshAsync();
            Assert.Equal($"{swap}.0.0", live.Set.Default.Plugin!.Version);
            var before = Volatile.Read(ref calls);
            await LiveStores.UntilAsync(() => Volatile.Read(ref calls) > before + 3 || workers.Exists(worker => worker.IsFaulted), "work goes on after a swap");
        }

        await stop.CancelAsync();
        await Task.WhenAll(workers);
        foreach (var driver in old)
            await LiveStores.UntilCollectedAsync(driver);
        Assert.Single(Directory.EnumerateDirectories(live.Root["scratch/.plugins"]));
    }

    [Fact]
    public async Task Transfers_in_flight_end_on_the_old_driver()
    {
        await using var live = await LiveStores.OpenAsync();
        var bytes = new byte[300_000];
        new Random(1).NextBytes(bytes);
        var stored = await LiveStores.StoreAsync(live.Set.Default.Driver, bytes);
        var driver = live.DriverOf("disk");
        var source = (await live.Set.Default.Driver.OpenAsync(stored.Location, Cancel)).Value!;
        var attempt = new WriteAttempt(Guid.NewGuid().ToString(), Guid.NewGuid().ToString("N"));
        var writer = (await live.Set.Default.Driver.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel)).Value!;

        live.PutFileSystem("2.0.0");
        await live.RefreshAsync();

        Assert.Equal("2.0.0", live.Set.Default.Plugin!.Version);
        var buffer = new byte[bytes.Length];
        Assert.Equal(bytes.Length, await source.ReadAsync(0, buffer, Cancel));
        Assert.Equal(bytes, buffer);
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        var written = (await writer.CommitAsync(Cancel)).Value!;
        GC.Collect();
        Assert.True(driver.IsAlive);
        Assert.DoesNotContain(live.Log.Lines, line => line.Contains("is no longer used", StringComparison.Ordinal));

        await writer.DisposeAsync();
        await source.DisposeAsync();
        await live.Set.Default.Driver.SettleAsync(attempt, keepCommitted: true, Cancel);

        await LiveStores.UntilCollectedAsync(driver);
        Assert.Contains(live.Log.Lines, line => line.StartsWith("Information: Plugin filesystem 1.0.0 is no longer used", StringComparison.Ordinal));
        Assert.Equal(bytes, await LiveStores.ReadAsync(live.Set.Default.Driver, written.Location));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await source.ReadAsync(0, buffer, Cancel));
    }

    [Fact]
    public async Task Transfers_that_outlast_the_drain_limit_are_cut_and_said_so()
    {
        await using var live = await LiveStores.OpenAsync((_, options) => options with { DrainTimeout = TimeSpan.FromMilliseconds(100) });
        var attempt = new WriteAttempt(Guid.NewGuid().ToString(), Guid.NewGuid().ToString("N"));
        var writer = (await live.Set.Default.Driver.BeginWriteAsync(new WriteRequest(attempt, null, null), Cancel)).Value!;

        live.PutFileSystem("2.0.0");
        await live.RefreshAsync();
        await LiveStores.UntilAsync(() => live.Log.Lines.Any(line => line.Contains("1.0.0 is no longer used", StringComparison.Ordinal)), "the old one is let go");

        Assert.Contains(live.Log.Lines, line => line.StartsWith("Warning: Store disk: 1 transfers of the old driver did not end within 00:00:00.1000000", StringComparison.Ordinal));
        await Assert.ThrowsAsync<StoreException>(async () => await writer.CommitAsync(Cancel));
        await writer.DisposeAsync();
    }

    [Fact]
    public async Task Every_load_is_logged_with_folder_and_hash()
    {
        await using var live = await LiveStores.OpenAsync();

        var hash = live.Set.Default.Plugin!.Hash;
        var listed = await Command.RunAsync("sh", ["-c", "cd \"$0\" && find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum", live.Root["plugins/FileSystem"]]);

        Assert.Equal(hash, listed.Output.Split(' ')[0]);
        Assert.Contains($"Information: Loading plugin filesystem 1.0.0 from {live.Root["plugins/FileSystem"]} (sha256 {hash})", live.Log.Lines);
        Assert.Equal(hash, Assert.Single(PluginCatalog.Scan([live.Plugins]).Plugins).ComputeHash());
    }

    [Fact]
    public async Task Only_allowed_hashes_are_loaded()
    {
        IReadOnlyCollection<string> allowed = [];
        await using var live = await LiveStores.OpenAsync((root, options) =>
            options with { AllowedPlugins = allowed = [PluginCatalog.Scan([root["plugins"]]).Plugins[0].ComputeHash()!.ToUpperInvariant()] });
        Assert.Equal(StoreState.Ready, live.Set.Default.State);

        live.PutFileSystem("2.0.0");
        await live.RefreshAsync();

        Assert.Equal("1.0.0", live.Set.Default.Plugin!.Version);
        var refusal = Assert.Single(live.Set.Refusals);
        Assert.True(refusal.OldServes);
        Assert.Matches("^Its hash [0-9a-f]{64} is not in 'plugins.allow'. If you trust it, add the hash there.$", refusal.Problem);
    }

    [Theory]
    [InlineData("garbage", "is not a .NET assembly, or is damaged")]
    [InlineData("half", "GlanceGateway.Plugins.FileSystem.dll")]
    [InlineData("no-factory", "has no public IStorageDriverFactory")]
    [InlineData("contract", "It was built against the driver contract 0.99")]
    [InlineData("no-manifest", "plugin.json cannot be opened")]
    [InlineData("does-not-start", "Store 'disk' does not start with it: Option 'directory' is unknown")]
    [InlineData("writable", "can be changed by its group or by others")]
    [InlineData("link", "is a symbolic link")]
    [InlineData("twin", "Remove all but one")]
    public async Task Bad_plugin_is_refused_and_the_old_one_serves_on(string kind, string reason)
    {
        await using var live = await LiveStores.OpenAsync();
        var hash = live.Set.Default.Plugin!.Hash;
        var folder = live.PutFileSystem("2.0.0");
        var assembly = Path.Combine(folder, "GlanceGateway.Plugins.FileSystem.dll");
        var manifest = Path.Combine(folder, PluginManifest.FileName);
        switch (kind)
        {
            case "garbage":
                await File.WriteAllTextAsync(assembly, "MZ but not really", Cancel);
                break;
            case "half":
                await using (var file = File.OpenWrite(assembly))
                    file.SetLength(file.Length / 2);
                break;
            case "no-factory":
                File.Copy(Path.Combine(PluginFolders.CopyTest("NoFactory", live.Root["other"]), "GlanceGateway.TestPlugins.NoFactory.dll"), assembly, overwrite: true);
                break;
            case "contract":
                await File.WriteAllTextAsync(manifest, (await File.ReadAllTextAsync(manifest, Cancel)).Replace($"\"{DriverContract.Version}\"", "\"0.99\"", StringComparison.Ordinal), Cancel);
                break;
            case "no-manifest":
                File.Delete(manifest);
                break;
            case "does-not-start":
                Directory.Delete(folder, recursive: true);
                Directory.Move(PluginFolders.CopyTest("Starter1", live.Root["other"]), folder);
                manifest = Path.Combine(folder, PluginManifest.FileName);
                await File.WriteAllTextAsync(manifest, (await File.ReadAllTextAsync(manifest, Cancel)).Replace("\"name\": \"starter1\"", "\"name\": \"filesystem\"", StringComparison.Ordinal), Cancel);
                break;
            case "writable":
                File.SetUnixFileMode(assembly, File.GetUnixFileMode(assembly) | UnixFileMode.OtherWrite);
                break;
            case "link":
                File.Move(assembly, live.Root["elsewhere.dll"]);
                File.CreateSymbolicLink(assembly, live.Root["elsewhere.dll"]);
                break;
            case "twin":
                Directory.Move(live.PutFileSystem("3.0.0", live.Root["other"]), live.Root["plugins/Twin"]);
                break;
        }

        await live.RefreshAsync();
        await live.RefreshAsync();

        Assert.Equal(hash, live.Set.Default.Plugin!.Hash);
        var refusal = Assert.Single(live.Set.Refusals);
        Assert.Equal(("filesystem", folder, true), (refusal.Driver, refusal.Folder, refusal.OldServes));
        Assert.Contains(reason, refusal.Problem, StringComparison.Ordinal);
        Assert.Single(live.Log.Lines, line => line.StartsWith($"Error: The plugin filesystem in {folder} is refused, 1.0.0 (sha256 {hash[..12]}…) serves on: ", StringComparison.Ordinal));
        var stored = await LiveStores.StoreAsync(live.Set.Default.Driver, new byte[1000]);
        Assert.Equal(new byte[1000], await LiveStores.ReadAsync(live.Set.Default.Driver, stored.Location));

        if (Directory.Exists(live.Root["plugins/Twin"]))
            Directory.Delete(live.Root["plugins/Twin"], recursive: true);
        Directory.Delete(folder, recursive: true);
        live.PutFileSystem("4.0.0");
        await live.RefreshAsync();

        Assert.Equal("4.0.0", live.Set.Default.Plugin!.Version);
        Assert.Empty(live.Set.Refusals);
    }

    [Fact]
    public async Task Plugin_that_is_taken_out_ends_its_stores_until_it_is_put_back()
    {
        await using var live = await LiveStores.OpenAsync();
        var driver = live.DriverOf("disk");
        var stored = await LiveStores.StoreAsync(live.Set.Default.Driver, new byte[1000]);
        var kept = live.Set.Default.Driver;
        var source = (await kept.OpenAsync(stored.Location, Cancel)).Value!;

        Directory.Delete(live.Root["plugins/FileSystem"], recursive: true);
        await live.RefreshAsync();

        Assert.Equal(StoreState.Failed, live.Set.Default.State);
        Assert.Equal($"The plugin 'filesystem' was taken out of '{live.Root["plugins/FileSystem"]}'. Put it back.", live.Set.Default.Problem);
        Assert.Equal(1000, await source.ReadAsync(0, new byte[1000], Cancel));
        await source.DisposeAsync();
        await LiveStores.UntilCollectedAsync(driver);
        Assert.Equal(StoreError.Unavailable, (await Assert.ThrowsAsync<StoreException>(async () => await kept.OpenAsync(stored.Location, Cancel))).Error);

        live.PutFileSystem("1.0.0");
        await live.RefreshAsync();

        Assert.Equal(StoreState.Ready, live.Set.Default.State);
        Assert.Equal(new byte[1000], await LiveStores.ReadAsync(live.Set.Default.Driver, stored.Location));
    }

    [Fact]
    public async Task Touching_a_plugin_is_no_swap()
    {
        await using var live = await LiveStores.OpenAsync();
        var driver = live.Set.Default.Driver;

        live.PutFileSystem("1.0.0");
        await live.RefreshAsync();

        Assert.Same(driver, live.Set.Default.Driver);
        Assert.DoesNotContain(live.Log.Lines, line => line.Contains("was swapped", StringComparison.Ordinal));
    }
}
