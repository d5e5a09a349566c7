using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using GlanceGateway.Stores.Tests.Conformance;
using GlanceGateway.Testing;

namespace GlanceGateway.Stores.Tests.Live;

/// <summary>A set of stores over a plugin directory that changes under it.</summary>
internal sealed class LiveStores : IAsyncDisposable
{
    private StoreSet? set;

    public TempDirectory Root { get; } = new();

    public RecordedLog Log { get; } = new();

    public StoreSet Set => set!;

    public string Plugins => Root["plugins"];

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static StoreDefinition Disk(TempDirectory root, string id = "disk", bool isDefault = true) =>
        StoreSets.Store(id, "filesystem", ("directory", root[$"images-{id}"])) with { IsDefault = isDefault };

    /// <summary>One store on the directory driver, version 1, unless the caller wants others.</summary>
    public static Task<LiveStores> OpenAsync(Func<TempDirectory, StoreSetOptions, StoreSetOptions>? change = null, params StoreDefinition[] definitions) =>
        OpenAsync(change, prepare: null, definitions);

    private static async Task<LiveStores> OpenAsync(
        Func<TempDirectory, StoreSetOptions, StoreSetOptions>? change, Action<LiveStores>? prepare, params StoreDefinition[] definitions)
    {
        var live = new LiveStores();
        prepare?.Invoke(live);
        if (definitions.Length == 0)
        {
            live.PutFileSystem("1.0.0");
            definitions = [Disk(live.Root)];
        }

        Directory.CreateDirectory(live.Plugins);
        var options = new StoreSetOptions { ScratchRoot = live.Root["scratch"], StartTimeout = TimeSpan.FromSeconds(20) };
        live.set = await StoreSet.OpenAsync(
            PluginCatalog.Scan([live.Plugins]), definitions, change?.Invoke(live.Root, options) ?? options, live.Log, TimeProvider.System, Cancel);
        return live;
    }

    /// <summary>One store on the driver of a backend.</summary>
    public static Task<LiveStores> OpenAsync(SwapBackend backend, string version) => OpenAsync(
        (root, options) => options with { Outbound = HttpFixture.Loopback },
        live => live.Put(backend.Project, version),
        StoreSets.Store("tested", backend.Project.ToLowerInvariant()) with { Options = backend.Options });

    /// <summary>Puts a driver of the product into the plugin directory, under a version of its own: other bytes.</summary>
    public string Put(string project, string version)
    {
        var folder = PluginFolders.CopyProduct(project, Plugins);
        SetVersion(folder, version);
        return folder;
    }

    /// <summary>Puts the directory driver into a folder, under a version of its own: other bytes.</summary>
    public string PutFileSystem(string version, string? directory = null)
    {
        var folder = PluginFolders.CopyProduct("FileSystem", directory ?? Plugins);
        SetVersion(folder, version);
        return folder;
    }

    public static void SetVersion(string folder, string version)
    {
        var path = Path.Combine(folder, PluginManifest.FileName);
        var manifest = PluginManifest.Read(path);
        File.WriteAllText(path, File.ReadAllText(path).Replace($"\"version\": \"{manifest.Version}\"", $"\"version\": \"{version}\"", StringComparison.Ordinal));
    }

    public Task RefreshAsync(bool retry = false) => Set.RefreshAsync(PluginCatalog.Scan([Plugins]), retry, Cancel);

    /// <summary>A store's driver itself, without keeping it alive.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public WeakReference DriverOf(string id) => Set.TryGet(id, out var store) ? store.Guarded!.Watched : throw new InvalidOperationException($"There is no store {id}.");

    public static async Task<StoredObject> StoreAsync(IStorageDriver driver, byte[] bytes)
    {
        var attempt = new WriteAttempt(Guid.NewGuid().ToString(), Guid.NewGuid().ToString("N"));
        var begin = await driver.BeginWriteAsync(new WriteRequest(attempt, bytes.Length, null), Cancel);
        Assert.Equal(StoreOutcome.Ok, begin.Outcome);
        await using var writer = begin.Value!;
        Assert.Equal(StoreOutcome.Ok, await writer.WriteAsync(bytes, Cancel));
        var stored = (await writer.CommitAsync(Cancel)).Value!;
        await driver.SettleAsync(attempt, keepCommitted: true, Cancel);
        return stored;
    }

    public static async Task<byte[]> ReadAsync(IStorageDriver driver, string location)
    {
        await using var source = (await driver.OpenAsync(location, Cancel)).Value!;
        await using var stream = await source.OpenRangeAsync(0, null, Cancel);
        var copy = new MemoryStream();
        await stream.CopyToAsync(copy, Cancel);
        return copy.ToArray();
    }

    /// <summary>Waits until something holds, a minute at most.</summary>
    public static async Task UntilAsync(Func<bool> holds, string what)
    {
        var deadline = DateTime.UtcNow.AddMinutes(1);
        while (!holds())
        {
            Assert.True(DateTime.UtcNow < deadline, $"It did not come to this within a minute: {what}");
            await Task.Delay(20, Cancel);
        }
    }

    /// <summary>Waits until the garbage collector has taken what is referred to.</summary>
    public static Task UntilCollectedAsync(WeakReference reference) =>
        UntilAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !reference.IsAlive;
            },
            "the old driver is gone");

    public async ValueTask DisposeAsync()
    {
        if (set is not null)
            await set.DisposeAsync();
        Root.Dispose();
    }
}
