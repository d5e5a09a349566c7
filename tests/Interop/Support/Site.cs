using GlanceGateway.Testing;

namespace GlanceGateway.Interop.Tests;

/// <summary>A place where gateways live one after another: a data directory, a mount point if wanted, a configuration if wanted. Leaves no
/// process, mount or file behind, whatever the test did.</summary>
internal sealed class Site : IAsyncDisposable
{
    private readonly TempDirectory directory = new();
    private readonly List<string> arguments = [];
    private GatewayProcess? gateway;
    private ImagesClient? images;

    /// <param name="mounted">Whether images are mounted; skips the test where only root could.</param>
    public Site(bool mounted = false)
    {
        if (mounted)
        {
            Requires.RootMount();
            Directory.CreateDirectory(Mount);
            arguments.AddRange(["--mount", Mount]);
        }
    }

    /// <summary>A path of its own.</summary>
    public string this[string name] => directory[name];

    public string Root => directory.Path;

    public string Data => directory["data"];

    public string Mount => directory["mount"];

    /// <summary>Where the store without configuration keeps its files.</summary>
    public string Store => Path.Combine(Data, "images");

    /// <summary>Whatever the store without configuration holds now.</summary>
    public string[] StoredFiles => Directory.Exists(Store) ? Directory.GetFiles(Store, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }) : [];

    public GatewayProcess Gateway => gateway ?? throw new InvalidOperationException("nothing was started");

    public ImagesClient Images => images ?? throw new InvalidOperationException("nothing was started");

    public string Url => Gateway.Address.GetLeftPart(UriPartial.Authority);

    public bool IsMounted => File.ReadLines("/proc/self/mounts").Any(line => line.Split(' ')[1] == Mount);

    public string FileOf(string imageId) => Path.Combine(Mount, "by-id", imageId);

    /// <summary>Waits until the store holds these images' files and no other, not even a hidden one. The second name of a finished upload
    /// goes shortly after the answer; the limit is far below the 30 s of a lease.</summary>
    public Task HoldsOnlyAsync(params string[] imageIds) => Eventually.TrueAsync(
        $"the store holds only [{string.Join(", ", imageIds)}]",
        TimeSpan.FromSeconds(5),
        () => StoredFiles.Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal).SequenceEqual(imageIds.Order(StringComparer.Ordinal)));

    /// <summary>Gives the next gateway a configuration file.</summary>
    public void Configure(string yaml)
    {
        File.WriteAllText(directory["gateway.yaml"], yaml);
        arguments.AddRange(["--config", directory["gateway.yaml"]]);
    }

    /// <summary>Starts a gateway, after another one as well as for the first time.</summary>
    public async Task StartAsync()
    {
        images?.Dispose();
        if (gateway is not null)
        {
            await gateway.DisposeAsync();
        }

        gateway = await GatewayProcess.StartAsync(Data, [.. arguments]);
        images = new ImagesClient(gateway.Address);
    }

    public static async Task<Site> StartedAsync(bool mounted = false, string? configuration = null)
    {
        var site = new Site(mounted);
        try
        {
            if (configuration is not null)
            {
                site.Configure(configuration.Replace("$ROOT", site.Root, StringComparison.Ordinal));
            }

            await site.StartAsync();
            return site;
        }
        catch
        {
            await site.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        images?.Dispose();
        try
        {
            if (gateway is not null)
            {
                await gateway.DisposeAsync();
            }
        }
        finally
        {
            if (IsMounted)
            {
                await Command.RunAsync("umount", ["-l", Mount]);
            }

            directory.Dispose();
        }
    }
}
