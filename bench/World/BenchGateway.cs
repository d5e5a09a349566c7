using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using GlanceGateway.Api;
using GlanceGateway.Images;
using GlanceGateway.Registry;
using GlanceGateway.Stores;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GlanceGateway.Bench;

/// <summary>
/// A whole gateway in this process: registry on disk, the real drivers loaded from their folders, and the Images API on a loopback socket, put
/// together as the command does it.
/// </summary>
internal sealed class BenchGateway : IAsyncDisposable
{
    private const int Numbered = 20_000;
    private const int Projects = 100;
    private const int InsertedAtOnce = 1000;

    private readonly StoreSet stores;
    private readonly WebApplication server;
    private readonly Lazy<Task> filled;
    private readonly ConcurrentDictionary<long, Lazy<Task<Image>>> stored = new();

    private BenchGateway(string directory, ImageRegistry registry, StoreSet stores, ImageServices images, WebApplication server)
    {
        Folder = directory;
        Registry = registry;
        this.stores = stores;
        Images = images;
        this.server = server;
        var address = new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Address = new IPEndPoint(IPAddress.Loopback, address.Port);
        filled = new(FillAsync);
    }

    public static Caller Admin { get; } = new("p-admin", "u", ["admin", "member", "reader"]);

    public static Caller Member { get; } = new("p-7", "u", ["member", "reader"]);

    /// <summary>Where everything lies. A plain local filesystem, for passthrough: GLANCE_BENCH_DIRECTORY names another than the temporary one.</summary>
    public string Folder { get; }

    public ImageRegistry Registry { get; }

    public ImageServices Images { get; }

    public IPEndPoint Address { get; }

    public static async Task<BenchGateway> OpenAsync(CancellationToken cancellationToken)
    {
        var parent = Environment.GetEnvironmentVariable("GLANCE_BENCH_DIRECTORY") ?? Path.GetTempPath();
        var directory = Directory.CreateDirectory(Path.Combine(parent, $"glance-bench-{Guid.NewGuid():N}")).FullName;
        try
        {
            return await OpenAsync(directory, NullLoggerFactory.Instance, cancellationToken);
        }
        catch
        {
            Directory.Delete(directory, recursive: true);
            throw;
        }
    }

    /// <summary>A queued image.</summary>
    public Task<Image> CreateAsync() => Images.Catalog.CreateAsync(
        Admin,
        [
            new("disk_format", JsonSerializer.SerializeToElement("raw", JsonSerializerOptions.Default)),
            new("container_format", JsonSerializer.SerializeToElement("bare", JsonSerializerOptions.Default)),
        ],
        CancellationToken.None);

    /// <summary>An active image of random bytes in the filesystem store, made once per size.</summary>
    public Task<Image> StoredAsync(long bytes) => stored.GetOrAdd(bytes, size => new(() => StoreAsync(size))).Value;

    /// <summary>The file in the store that holds an image.</summary>
    public string FileOf(Image image) => Path.Combine(Folder, "disk", image.Id);

    /// <summary>Fills the registry with 20,000 images: a hundred projects with two hundred images each, one in twenty of them public.</summary>
    public Task FillOnceAsync() => filled.Value;

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        await Images.DisposeAsync();
        await stores.DisposeAsync();
        await Registry.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private static async Task<BenchGateway> OpenAsync(string directory, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var registry = await ImageRegistry.OpenAsync(
            new RegistryOptions { DatabasePath = Path.Combine(directory, "registry.sqlite"), InstanceId = "bench" }, TimeProvider.System, loggers, cancellationToken);
        var stores = await StoreSet.OpenAsync(
            PluginCatalog.Scan(Repository.Plugins),
            [
                new StoreDefinition
                {
                    Id = "disk", Driver = "filesystem", IsDefault = true,
                    Options = new Dictionary<string, object?> { ["directory"] = Path.Combine(directory, "disk") },
                },
                new StoreDefinition { Id = "memory", Driver = "memory", Options = new Dictionary<string, object?> { ["max_size"] = "512MiB" } },
            ],
            new StoreSetOptions { ScratchRoot = Path.Combine(directory, "scratch") },
            loggers,
            TimeProvider.System,
            cancellationToken);
        if (stores.All.FirstOrDefault(s => s.Problem is not null) is { } failed)
        {
            throw new InvalidOperationException($"The store '{failed.Id}' did not start: {failed.Problem}");
        }

        var images = new ImageServices(registry, stores, new ImageOptions(), TimeProvider.System, loggers);
        await images.Sweeper.StartAsync(cancellationToken);
        return new BenchGateway(directory, registry, stores, images, await ServeAsync(images, loggers, cancellationToken));
    }

    private static async Task<WebApplication> ServeAsync(ImageServices images, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton(images.Options);
        builder.Services.AddSingleton(images.Schema);
        builder.Services.AddSingleton(images.Catalog);
        builder.Services.AddSingleton(images.Members);
        builder.Services.AddSingleton(images.Uploads);
        builder.Services.AddSingleton(images.Downloads);
        builder.Services.AddSingleton(images.Stores);
        builder.Services.AddImagesApi(new ApiOptions { Identity = IdentityMode.Headers, TrustedProxies = [IPNetwork.Parse("127.0.0.0/8")] });
        var server = builder.Build();
        server.MapImagesApi();
        await server.StartAsync(cancellationToken);
        return server;
    }

    private async Task<Image> StoreAsync(long bytes)
    {
        var image = await CreateAsync();
        await Images.Uploads.UploadAsync(Admin, image.Id, new UploadRequest(new SegmentedBody(ImageBytes.Random(bytes)), bytes, null), CancellationToken.None);
        return await Images.Catalog.GetAsync(Admin, image.Id, CancellationToken.None);
    }

    private async Task FillAsync()
    {
        for (var first = 0; first < Numbered; first += InsertedAtOnce)
        {
            var from = first;
            await Registry.WriteAsync(
                async (tx, ct) =>
                {
                    for (var number = from; number < from + InsertedAtOnce; number++)
                    {
                        _ = await tx.InsertImageAsync(Number(number), ct);
                    }

                    return true;
                },
                CancellationToken.None);
        }
    }

    private static Image Number(int number) => new()
    {
        Id = Guid.NewGuid().ToString(),
        Name = $"image {number}",
        Owner = $"p-{number % Projects}",
        Status = ImageStatus.Active,
        Visibility = (number / Projects % 20) switch { 0 => ImageVisibility.Public, < 10 => ImageVisibility.Private, _ => ImageVisibility.Shared },
        DiskFormat = "qcow2",
        ContainerFormat = "bare",
        Size = 1L << 30,
        Checksum = "d41d8cd98f00b204e9800998ecf8427e",
        HashAlgorithm = "sha512",
        HashValue = new string('a', 128),
        Properties = [new("os_distro", "debian"), new("os_version", "12"), new("hw_disk_bus", "virtio"), new("architecture", "x86_64")],
        Tags = ["bench", $"tag-{number % 10}"],
    };
}
