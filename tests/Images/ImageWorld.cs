using System.IO.Pipelines;
using System.Text.Json;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using GlanceGateway.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Images.Tests;

/// <summary>The rules over a real registry and real drivers, in a directory of the test's own.</summary>
internal sealed class ImageWorld : IAsyncDisposable
{
    private readonly TempDirectory? directory;
    private readonly ImageRegistry registry;
    private readonly StoreSet stores;
    private readonly StoreSet staging;

    private ImageWorld(TempDirectory? directory, string path, ImageRegistry registry, StoreSet stores, StoreSet staging, ImageServices images)
    {
        this.directory = directory;
        Path = path;
        this.registry = registry;
        this.stores = stores;
        this.staging = staging;
        Images = images;
    }

    public static Caller Owner { get; } = new("p-owner", "u", ["member", "reader"]);

    public static Caller Member { get; } = new("p-member", "u", ["member", "reader"]);

    public static Caller Stranger { get; } = new("p-stranger", "u", ["member", "reader"]);

    public static Caller Reader { get; } = new("p-owner", "u", ["reader"]);

    public static Caller Admin { get; } = new("p-admin", "u", ["admin", "member", "reader"]);

    public string Path { get; }

    public ImageServices Images { get; }

    public ImageRegistry Registry => registry;

    /// <summary>The files of the default store, traces of attempts included.</summary>
    public string[] Files => Directory.GetFiles(System.IO.Path.Combine(Path, "disk"));

    /// <summary>The files of another store on disk: <c>deep</c>, or <c>staging</c>.</summary>
    public string[] FilesOf(string store) => Directory.GetFiles(System.IO.Path.Combine(Path, store));

    public static async Task<ImageWorld> OpenAsync(
        ImageOptions? options = null, TimeProvider? time = null, bool sweep = true, PolicyRules? policy = null, ILimitSource? limits = null,
        PostgresOptions? postgres = null, ImportOptions? import = null, SignatureOptions? signatures = null)
    {
        var directory = new TempDirectory();
        return await OpenAsync(directory, directory.Path, "instance-a", options, time, sweep, policy, limits, postgres, import, signatures);
    }

    /// <summary>Another gateway over the same registry and stores.</summary>
    public Task<ImageWorld> OpenSecondAsync(TimeProvider time, string instance, ImageOptions? options = null, ImportOptions? import = null) =>
        OpenAsync(null, Path, instance, options, time, sweep: false, import: import);

    /// <summary>Another gateway over the same registry, whose directories of the same names are others.</summary>
    public Task<ImageWorld> OpenElsewhereAsync(string instance, ImageOptions options) =>
        OpenAsync(null, Path, instance, options, null, sweep: true, storesIn: System.IO.Path.Combine(Path, instance));

    public async ValueTask DisposeAsync()
    {
        await Images.DisposeAsync();
        await stores.DisposeAsync();
        await staging.DisposeAsync();
        await registry.DisposeAsync();
        directory?.Dispose();
    }

    /// <summary>A queued raw image of the owner's.</summary>
    public Task<Image> CreateAsync(Caller? caller = null, params (string Name, object? Value)[] attributes)
    {
        var given = attributes.ToDictionary(a => a.Name, a => a.Value);
        given.TryAdd("disk_format", "raw");
        given.TryAdd("container_format", "bare");
        return Images.Catalog.CreateAsync(caller ?? Owner, [.. given.Select(a => new KeyValuePair<string, JsonElement>(a.Key, Json(a.Value)))], Token);
    }

    public static JsonElement Json(object? value) => JsonSerializer.SerializeToElement(value);

    public static string[] Words(params string[] words) => words;

    public static ImageEdit Add(string name, object? value) => new(EditOperation.Add, name, null, Json(value));

    public static ImageEdit Replace(string name, object? value) => new(EditOperation.Replace, name, null, Json(value));

    public static ImageEdit Remove(string name) => new(EditOperation.Remove, name, null, default);

    public Task<Image> EditAsync(Image image, Caller caller, params ImageEdit[] edits) =>
        Images.Catalog.UpdateAsync(caller, image.Id, edits, Token);

    public Task UploadAsync(Image image, byte[] data, long? declared = null, string? store = null, Caller? caller = null) =>
        Images.Uploads.UploadAsync(caller ?? Owner, image.Id, new UploadRequest(PipeReader.Create(new MemoryStream(data)), declared, store), Token);

    public Task StageAsync(Image image, byte[] data, long? declared = null, Caller? caller = null) =>
        Images.Staging.StageAsync(caller ?? Owner, image.Id, new UploadRequest(PipeReader.Create(new MemoryStream(data)), declared, null), Token);

    /// <summary>Asks for an import.</summary>
    public Task ImportAsync(Image image, string json, string? headerStore = null, Caller? caller = null) =>
        Images.Imports.ImportAsync(caller ?? Owner, image.Id, JsonElement.Parse(json), headerStore, "req-1", Token);

    /// <summary>Waits until the newest task of an image has ended.</summary>
    public async Task<TaskRecord> EndOfTaskAsync(Image image)
    {
        for (var tries = 0; tries < 2400; tries++)
        {
            if (await registry.ListImageTasksAsync(image.Id, Token) is [.., { HasEnded: true } task])
            {
                return task;
            }

            await Task.Delay(25, Token);
        }

        throw new TimeoutException("The task does not end.");
    }

    /// <summary>Waits until the staging area is empty: a task ends shortly before its staged bytes go.</summary>
    public async Task NothingStagedAsync()
    {
        for (var tries = 0; tries < 800 && FilesOf("staging").Length > 0; tries++)
        {
            await Task.Delay(25, Token);
        }

        Assert.Empty(FilesOf("staging"));
    }

    public async Task<byte[]> ReadAsync(Image image, Caller? caller = null)
    {
        await using var data = await Images.Downloads.OpenAsync(caller ?? Owner, image.Id, Token);
        await using var stream = await data!.Source.OpenRangeAsync(0, null, Token);
        var copy = new MemoryStream();
        await stream.CopyToAsync(copy, Token);
        return copy.ToArray();
    }

    public Task<Image> FindAsync(Image image, Caller? caller = null) => Images.Catalog.GetAsync(caller ?? Owner, image.Id, Token);

    /// <summary>The refusal that the call ends with.</summary>
    public static async Task<ImageError> RefusalAsync(Task call) => (await Assert.ThrowsAsync<ImageException>(() => call)).Error;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static async Task<ImageWorld> OpenAsync(
        TempDirectory? directory, string path, string instance, ImageOptions? options, TimeProvider? time, bool sweep, PolicyRules? policy = null,
        ILimitSource? limits = null, PostgresOptions? postgres = null, ImportOptions? import = null, SignatureOptions? signatures = null, string? storesIn = null)
    {
        var loggers = NullLoggerFactory.Instance;
        var clock = time ?? TimeProvider.System;
        var registry = await ImageRegistry.OpenAsync(
            new RegistryOptions { DatabasePath = System.IO.Path.Combine(path, "registry.sqlite"), Postgres = postgres, InstanceId = instance }, clock, loggers, Token);
        path = storesIn ?? path;
        var plugins = Directory.GetDirectories(System.IO.Path.Combine(RepositoryPaths.Root, "plugins"))
            .Select(p => System.IO.Path.GetDirectoryName(System.IO.Path.Combine(p, "bin", RepositoryPaths.OutputKind))!)
            .Where(Directory.Exists)
            .ToList();
        var stores = await StoreSet.OpenAsync(
            PluginCatalog.Scan(plugins),
            [
                new StoreDefinition
                {
                    Id = "disk", Driver = "filesystem", IsDefault = true,
                    Options = new Dictionary<string, object?> { ["directory"] = System.IO.Path.Combine(path, "disk") },
                },
                OnDisk("deep", path),
                new StoreDefinition { Id = "small", Driver = "memory", Options = new Dictionary<string, object?> { ["max_size"] = "1MiB" } },
            ],
            new StoreSetOptions { ScratchRoot = System.IO.Path.Combine(path, "scratch-" + instance) },
            loggers,
            TimeProvider.System,
            Token);
        var staging = await StoreSet.OpenAsync(
            PluginCatalog.Scan(plugins),
            [OnDisk("staging", path)],
            new StoreSetOptions { ScratchRoot = System.IO.Path.Combine(path, "scratch-staging-" + instance) },
            loggers,
            TimeProvider.System,
            Token);
        Assert.All(stores.All.Concat(staging.All), s => Assert.Null(s.Problem));
        var images = new ImageServices(registry, stores, options ?? new ImageOptions(), clock, loggers, policy, limits, import: import, staging: staging, signatures: signatures);
        if (sweep)
        {
            await images.StartAsync(Token);
        }

        return new ImageWorld(directory, path, registry, stores, staging, images);
    }

    private static StoreDefinition OnDisk(string id, string path) => new()
    {
        Id = id,
        Driver = "filesystem",
        Options = new Dictionary<string, object?> { ["directory"] = System.IO.Path.Combine(path, id) },
    };
}
