using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>
/// Every way that the bytes of a mount take, at the same time, while images come and go, requests fail and the process that serves is killed again and again:
/// nobody ever reads a wrong byte.
/// </summary>
public sealed class StormTests(Service service) : IClassFixture<Service>, IDisposable
{
    private const int Mib = 1 << 20;
    private const double Faults = 0.05;

    /// <summary>Less than the images that are read: something is always fetched anew.</summary>
    private const string CacheSize = "64MiB";

    private readonly TempDirectory _home = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private readonly Opens _opens = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static TimeSpan Length => Requires.FullCounts ? TimeSpan.FromMinutes(5) : TimeSpan.FromSeconds(10);

    private static int Kills => Requires.FullCounts ? 30 : 2;

    private string Images => _home["images"];

    public void Dispose()
    {
        _http.Dispose();
        _home.Dispose();
    }

    [Fact]
    public async Task A_remote_mount_shows_no_wrong_byte_whatever_is_killed_and_broken()
    {
        using FaultyProxy proxy = new(service.Gateway.Address) { Faults = Faults };
        var (cold, half, warm) = (await service.AddAsync("cold", 56 * Mib), await service.AddAsync("half", 8 * Mib), await service.AddAsync("warm", 4 * Mib));
        var (viewed, viewedDisk) = await DiskAsync(1, file => service.AddFileAsync("viewed", "qcow2", file));
        var (written, writtenDisk) = await DiskAsync(2, file => service.AddFileAsync("written", "qcow2", file));
        string[] flags = ["--cache-size", CacheSize, "--poll-interval", "1s", "--sweep-interval", "3s", proxy.Address.ToString()];
        using Storm storm = new(20261123);
        var mount = await RemoteMount.StartAsync(_home, flags);
        try
        {
            await mount.EventuallyAsync(() => new[] { cold, half, warm, viewed, written }.All(sample => mount.Shows(sample.Id)), "the images are not shown", TimeSpan.FromMinutes(2));
            await PrepareAsync(half.Id, warm.Id, written.Id);
            storm.Read("copied", mount.FileOf(cold.Id), cold.Content);
            storm.Read("half in the cache", mount.FileOf(half.Id), half.Content, half.Content.Length / 2);
            storm.Read("by the kernel", mount.FileOf(warm.Id), warm.Content, awaits: _ => true);
            storm.Read("raw view", RawOf(viewed.Id), viewedDisk);
            storm.Read("written out", RawOf(written.Id), writtenDisk, awaits: kills => kills % 2 == 0);
            storm.ReadPassing(Images);
            storm.Pass(_http, () => service.Gateway.Address);

            await storm.RageAsync(
                Length,
                Kills,
                async unmounts =>
                {
                    await _opens.CountAsync(Images);
                    await mount.KillAsync(unmounts);
                },
                async () =>
                {
                    await mount.DisposeAsync();
                    mount = await RemoteMount.StartAsync(_home, flags);
                },
                () => SteerAsync("verify", warm.Id, written.Id));
            await _opens.CountAsync(Images);
        }
        finally
        {
            await mount.DisposeAsync();
        }

        Judge(storm, proxy, mount.Said.GetProperty("passthrough").GetBoolean());
    }

    [Fact]
    public async Task The_mount_of_a_gateway_shows_no_wrong_byte_whatever_is_killed_and_broken()
    {
        Requires.RootMount();
        // Images of a web server behind a bad line, and some on a local disk.
        using FaultyProxy proxy = new(service.Gateway.Address) { TellsTags = true };
        await File.WriteAllTextAsync(
            _home["gateway.yaml"],
            $$"""
            stores:
              files: { driver: filesystem, directory: {{_home["files"]}}, default: true }
              web: { driver: http }
            cache: { max_size: {{CacheSize}}, min_free: 1MiB }
            outbound: { allowed_networks: [127.0.0.1/32], allowed_ports: [] }
            mount: { directory: {{Images}} }
            """,
            Token);
        using Storm storm = new(20261124);
        var gateway = await StartAsync();
        try
        {
            var (cold, half, warm) = (await service.AddAsync("cold", 56 * Mib), await service.AddAsync("half", 8 * Mib), await service.AddAsync("warm", 4 * Mib));
            var local = await Service.AddAsync(_http, gateway.Address, "local", 8 * Mib);
            var (viewed, viewedDisk) = await DiskAsync(3, async file => await Service.AddAsync(_http, gateway.Address, "viewed", await File.ReadAllBytesAsync(file, Token), diskFormat: "qcow2"));
            var (written, writtenDisk) = await DiskAsync(4, file => service.AddFileAsync("written", "qcow2", file));
            foreach (var sample in new[] { cold, half, warm, written })
                await LinkAsync(gateway.Address, proxy.Address, sample, sample == written ? "qcow2" : "raw");
            proxy.Faults = Faults;
            await PrepareAsync(half.Id, warm.Id, written.Id);
            storm.Read("copied", FileOf(cold.Id), cold.Content);
            storm.Read("half in the cache", FileOf(half.Id), half.Content, half.Content.Length / 2);
            storm.Read("by the kernel", FileOf(warm.Id), warm.Content, readers: 1, awaits: _ => true);
            storm.Read("by the kernel from the store", FileOf(local.Id), local.Content, readers: 1);
            storm.Read("raw view", RawOf(viewed.Id), viewedDisk);
            storm.Read("written out", RawOf(written.Id), writtenDisk, awaits: kills => kills % 2 == 0);
            storm.ReadPassing(Images);
            storm.Pass(_http, () => gateway.Address);

            await storm.RageAsync(
                Length,
                Kills,
                async unmounts =>
                {
                    await _opens.CountAsync(Images);
                    await gateway.KillAsync();
                    if (unmounts)
                        await Command.RunAsync("umount", ["-l", Images]);
                },
                async () =>
                {
                    await gateway.DisposeAsync();
                    gateway = await StartAsync();
                },
                () => SteerAsync("verify", warm.Id, written.Id));
            await _opens.CountAsync(Images);
        }
        finally
        {
            await gateway.DisposeAsync();
        }

        Judge(storm, proxy, isPassthrough: true);
    }

    private void Judge(Storm storm, FaultyProxy proxy, bool isPassthrough)
    {
        TestContext.Current.TestOutputHelper?.WriteLine($"{storm.Report}; {_opens}; {proxy.Requests.Count} requests, {proxy.Faults:P0} of them damaged");
        Assert.True(storm.Kills >= Kills, storm.Report);
        Assert.All(storm.Reads, way => Assert.True(way.Value > 0, way.Key));
        Assert.True(storm.Reads.Count >= 6, storm.Report);
        Assert.True(_opens.Copied > 0);
        if (isPassthrough)
            Assert.True(_opens.ByKernel > 0, "the kernel never read by itself");
    }

    private string FileOf(string id) => Path.Combine(Images, "by-id", id);

    private string RawOf(string id) => Path.Combine(Images, "raw", id + ".raw");

    private Task<GatewayProcess> StartAsync() => GatewayProcess.StartAsync(_home["data"], "-c", _home["gateway.yaml"]);

    /// <summary>A qcow2 image, and the disk in it: data, a hole, data.</summary>
    private async Task<(Sample Image, byte[] Disk)> DiskAsync(int seed, Func<string, Task<Sample>> add)
    {
        var disk = new byte[16 * Mib];
        Storm.Bytes(seed, 3 * Mib).CopyTo(disk, 0);
        disk.AsSpan(15 * Mib).Fill((byte)seed);
        await File.WriteAllBytesAsync(_home["disk.raw"], disk, Token);
        (await Command.RunAsync("qemu-img", ["convert", "-c", "-f", "raw", "-O", "qcow2", _home["disk.raw"], _home["disk.qcow2"]])).Succeeded();
        return (await add(_home["disk.qcow2"]), disk);
    }

    /// <summary>Makes an image whose bytes are those of a sample of the other service, behind the proxy.</summary>
    private async Task LinkAsync(Uri gateway, Uri proxy, Sample sample, string format)
    {
        using var made = await _http.PostAsJsonAsync(new Uri(gateway, "/v2/images"), new { id = sample.Id, name = sample.Name, disk_format = format, container_format = "bare" }, Token);
        made.EnsureSuccessStatusCode();
        var proof = new { os_hash_algo = "sha512", os_hash_value = Convert.ToHexStringLower(SHA512.HashData(sample.Content)) };
        using var linked = await _http.PostAsJsonAsync(
            new Uri(gateway, $"/v2/images/{sample.Id}/locations"), new { url = new Uri(proxy, $"/v2/images/{sample.Id}/file").ToString(), validation_data = proof }, Token);
        Assert.True(linked.IsSuccessStatusCode, await linked.Content.ReadAsStringAsync(Token));
        for (var deadline = DateTime.UtcNow.AddMinutes(1); !File.Exists(FileOf(sample.Id)); await Task.Delay(50, Token))
            Assert.True(DateTime.UtcNow < deadline, $"{sample.Name} is not shown");
    }

    private async Task PrepareAsync(string half, string warm, string written)
    {
        (await SteerAsync("pin", half)).Succeeded();
        (await SteerAsync("warm", "--pin", warm)).Succeeded();
        (await SteerAsync("hydrate", "--pin", written)).Succeeded();
    }

    private Task<CommandResult> SteerAsync(string command, params string[] arguments) => Command.RunAsync(
        "dotnet",
        [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount", command, Images, .. arguments],
        limit: TimeSpan.FromMinutes(3));

    /// <summary>Opens by the way the bytes took, of all processes together.</summary>
    private sealed class Opens
    {
        public long ByKernel { get; private set; }

        public long Copied { get; private set; }

        /// <summary>Adds those of the process that serves now.</summary>
        public async Task CountAsync(string directory)
        {
            var status = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(directory, ".status"), Token)).RootElement;
            ByKernel += status.GetProperty("opens_passthrough").GetInt64();
            Copied += status.GetProperty("opens_copied").GetInt64();
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{ByKernel} opens by passthrough, {Copied} copied");
    }
}
