using System.Security.Cryptography;
using System.Text.Json;
using GlanceGateway.Testing;

namespace GlanceGateway.Client.Tests;

/// <summary>The cache of a mount, seen and steered from outside.</summary>
public sealed class SteeringTests(Service service) : IClassFixture<Service>, IDisposable
{
    private readonly TempDirectory _home = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task What_was_warmed_is_read_by_the_kernel_itself_and_stays_pinned_over_a_restart()
    {
        var sample = await service.AddAsync("warm me", (40 << 20) + 5);
        var other = await service.AddAsync("other", 1 << 20);
        await using (var mount = await StartAsync())
        {
            await mount.EventuallyAsync(() => mount.Shows(sample.Id) && mount.Shows(other.Id), "the images are not shown");
            var warmed = Only(await SteerAsync("warm", mount, "--pin", "warm me"));
            Assert.Equal(sample.Id, warmed.GetProperty("image").GetString());
            Assert.True(warmed.GetProperty("data").GetProperty("verified").GetBoolean());
            Assert.True(warmed.GetProperty("data").GetProperty("pinned").GetBoolean());
            await mount.ForgetOpensAsync();
            var before = await OpensAsync(mount);
            Assert.Equal(Sha256(sample.Content), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)));
            var after = await OpensAsync(mount);
            if (mount.Said.GetProperty("passthrough").GetBoolean())
                Assert.Equal((before.Passthrough + 1, before.Copied), after);

            // Nothing that is pinned goes, unless one insists.
            var refused = await GatewayAsync("mount", "evict", mount.Directory, sample.Id);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("it is pinned", refused.Error, StringComparison.Ordinal);
            Assert.Contains(sample.Id, refused.Error, StringComparison.Ordinal);
        }

        await using (var mount = await StartAsync())
        {
            var verified = Only(await SteerAsync("verify", mount, sample.Id));
            Assert.True(verified.GetProperty("data").GetProperty("pinned").GetBoolean());
            Assert.Contains("complete and verified", verified.GetProperty("outcome").GetString(), StringComparison.Ordinal);
            var status = await GatewayAsync("mount", "status", mount.Directory);
            Assert.Contains("verified, pinned", status.Succeeded().Output, StringComparison.Ordinal);
            Only(await SteerAsync("unpin", mount, "tag:sample"), sample.Id);
            var evicted = Only(await SteerAsync("evict", mount, sample.Id));
            Assert.False(evicted.TryGetProperty("data", out var gone) && gone.ValueKind != JsonValueKind.Null);

            var nothing = await GatewayAsync("mount", "evict", mount.Directory, sample.Id, "no such image");
            Assert.Equal(1, nothing.ExitCode);
            Assert.Contains("the cache holds nothing of it", nothing.Error, StringComparison.Ordinal);
            Assert.Contains("no such image: there is no such image; say an id", nothing.Error, StringComparison.Ordinal);
            Assert.Equal(Sha256(sample.Content), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)));
        }
    }

    [Fact]
    public async Task A_disk_is_written_out_once_and_then_read_by_the_kernel_itself()
    {
        var (sample, disk) = await AddDiskAsync("hydrate me");
        await using (var mount = await StartAsync())
        {
            var raw = Path.Combine(mount.Directory, "raw", sample.Id + ".raw");
            await mount.EventuallyAsync(() => File.Exists(raw), "there is no raw view");
            Assert.Equal(Sha256(disk), await RemoteMount.Sha256Async(raw));
            var written = Only(await SteerAsync("hydrate", mount, sample.Id)).GetProperty("raw_disk");
            Assert.Equal(disk.Length, written.GetProperty("bytes").GetInt64());
            Assert.True(written.GetProperty("verified").GetBoolean());
            // The disk's holes are holes.
            Assert.InRange(written.GetProperty("stored_bytes").GetInt64(), 1, disk.Length / 2);
            await ReadByKernelAsync(mount, raw, disk);
            Assert.Contains("was written out", Only(await SteerAsync("hydrate", mount, sample.Id)).GetProperty("outcome").GetString(), StringComparison.Ordinal);
        }

        await using (var mount = await StartAsync())
        {
            // After a restart the first open may be a copy: nobody has compared the file with its checksums yet.
            var raw = Path.Combine(mount.Directory, "raw", sample.Id + ".raw");
            await mount.EventuallyAsync(() => File.Exists(raw), "there is no raw view after a restart");
            Assert.Equal(Sha256(disk), await RemoteMount.Sha256Async(raw));
            Only(await SteerAsync("verify", mount, sample.Id));
            await ReadByKernelAsync(mount, raw, disk);
        }
    }

    [Fact]
    public async Task Killed_while_it_warms_and_hydrates_it_shows_no_wrong_byte_and_leaves_no_refuse()
    {
        var (sample, disk) = await AddDiskAsync("kill me");
        var random = new Random(5);
        for (var round = 0; round < (Requires.FullCounts ? 20 : 2); round++)
        {
            await using var victim = await StartAsync();
            await victim.EventuallyAsync(() => victim.Shows(sample.Id), "the image is not shown");
            var hydrating = GatewayAsync("mount", "hydrate", victim.Directory, sample.Id);
            await Task.Delay(random.Next(200, 1500), Token);
            await victim.KillAsync();
            var cut = await hydrating;
            Assert.True(cut.ExitCode == 0 || cut.Error.Contains("error:", StringComparison.Ordinal), cut.Error);
        }

        await using var mount = await StartAsync();
        var raw = Path.Combine(mount.Directory, "raw", sample.Id + ".raw");
        await mount.EventuallyAsync(() => File.Exists(raw), "there is no raw view");
        Assert.Equal(Sha256(disk), await RemoteMount.Sha256Async(raw));
        Assert.Equal(Sha256(sample.Content), await RemoteMount.Sha256Async(mount.FileOf(sample.Id)));
        Only(await SteerAsync("hydrate", mount, sample.Id));
        await ReadByKernelAsync(mount, raw, disk);
        Assert.Equal(
            ["data", "map", "object.json"],
            Directory.GetFiles(Path.Combine(_home["cache"], "blocks", "objects"), "*", SearchOption.AllDirectories).Select(Path.GetFileName).Distinct().Order());
    }

    [Fact]
    public async Task A_warm_list_is_kept_as_the_list_and_the_catalogue_change_and_metrics_tell()
    {
        var listed = await service.AddAsync("listed", 2 << 20);
        var first = await service.AddAsync("by name", 2 << 20);
        var list = _home["warm.list"];
        await File.WriteAllTextAsync(list, $"# comment\n{listed.Id}\nname:by name\nthere is none\n", Token);
        await using (var mount = await StartAsync("--warm-list", list, "--poll-interval", "1s", "--metrics", "127.0.0.1:0"))
        {
            await mount.EventuallyAsync(() => IsKeptAsync(mount, listed, first), "the list is not kept");
            // A new image of a listed name comes by itself; what is listed no more may go.
            var second = await service.AddAsync("by name", 1 << 20);
            await mount.EventuallyAsync(() => IsKeptAsync(mount, listed, first, second), "the new image is not kept");
            await File.WriteAllTextAsync(list, "hydrate:by name\n", Token);
            await mount.EventuallyAsync(async () => !await IsKeptAsync(mount, listed), "what was taken off the list is still pinned");
            Assert.True(await IsKeptAsync(mount, first, second));

            var metrics = await MetricsAsync(mount);
            Assert.Contains(metrics, line => line.StartsWith("glance_gateway_cache_fetched_bytes_total{cache=", StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal));
            Assert.Contains($"glance_gateway_mount_images{{mount=\"{mount.Directory}\"}} {Directory.GetFiles(Path.Combine(mount.Directory, "metadata")).Length}", metrics);
            Assert.Contains(metrics, line => line.StartsWith("http_client_request_duration_seconds_bucket{", StringComparison.Ordinal) && line.Contains("le=\"+Inf\"", StringComparison.Ordinal));
            Assert.Contains("# TYPE glance_gateway_mount_opens_total counter", metrics);
            Assert.Equal(metrics.Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Distinct().Count(), metrics.Count(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)));
        }

        // What the list pinned and was taken off while nobody looked is let go of at the next start.
        await File.WriteAllTextAsync(list, "nothing\n", Token);
        await using (var mount = await StartAsync("--warm-list", list))
            await mount.EventuallyAsync(async () => !await IsKeptAsync(mount, first), "an old pin of the list stays");
    }

    [Fact]
    public async Task What_cannot_be_done_names_the_image_and_a_remedy()
    {
        var sample = await service.AddAsync("too large", 3 << 20);
        await using var mount = await StartAsync("--cache-size", "2MiB");
        await mount.EventuallyAsync(() => mount.Shows(sample.Id), "the image is not shown");
        var full = await GatewayAsync("mount", "warm", mount.Directory, sample.Id);
        Assert.Equal(1, full.ExitCode);
        Assert.Contains($"{sample.Id} (too large): it needs", full.Error, StringComparison.Ordinal);
        Assert.Contains("--cache-size", full.Error, StringComparison.Ordinal);
        var nowhere = await GatewayAsync("mount", "warm", _home["nowhere"], sample.Id);
        Assert.Equal(1, nowhere.ExitCode);
        Assert.Contains("nothing is mounted", nowhere.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await GatewayAsync("mount", "warm", mount.Directory)).ExitCode);
        var control = (await mount.StatusAsync()).GetProperty("source").GetProperty("control").GetString()!;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(control) & (UnixFileMode)0x1FF);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(control)!));

        // Even with the permissions out of the way nobody else is heard.
        Requires.Programs("setpriv", "perl");
        foreach (var directory in new[] { _home.Path, Path.GetDirectoryName(control)! })
            File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | UnixFileMode.OtherExecute);
        File.SetUnixFileMode(control, (UnixFileMode)0x1B6);
        const string Script = "$SIG{PIPE}='IGNORE'; socket(S,PF_UNIX,SOCK_STREAM,0); connect(S,sockaddr_un($ARGV[0])) or die; syswrite S, qq({\"command\":\"list\",\"images\":[]}\n); my $n=sysread(S,my $answer,100); print 'got ', $n // 0";
        var stranger = await Command.RunAsync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-MSocket", "-e", Script, control]);
        Assert.Equal("got 0", stranger.Succeeded().Output);
        await mount.EventuallyAsync(() => mount.Log.Contains("User 65534 may not steer", StringComparison.Ordinal), "the stranger goes unnoticed");
    }

    /// <summary>Whether images are here, whole and pinned.</summary>
    private static async Task<bool> IsKeptAsync(RemoteMount mount, params Sample[] samples)
    {
        var images = (await GatewayAsync("mount", "status", mount.Directory)).Output.Split('\n');
        return samples.All(sample => images.Any(line => line.Contains(sample.Id, StringComparison.Ordinal) && line.Contains("verified, pinned", StringComparison.Ordinal)));
    }

    private static async Task<string[]> MetricsAsync(RemoteMount mount)
    {
        var address = mount.Log.Split('\n').Select(line => line.IndexOf("http://127.0.0.1:", StringComparison.Ordinal) is >= 0 and var at && line.Contains("/metrics", StringComparison.Ordinal) ? line[at..].Trim() : null).First(found => found is not null)!;
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        return (await http.GetStringAsync(new Uri(address), Token)).Split('\n');
    }

    /// <summary>A qcow2 image, compressed, and the disk in it: a hole of 24 MiB with data before and behind.</summary>
    private async Task<(Sample Image, byte[] Disk)> AddDiskAsync(string name)
    {
        var disk = new byte[32 << 20];
        RandomNumberGenerator.Fill(disk.AsSpan(0, 6 << 20));
        disk.AsSpan(30 << 20).Fill(7);
        await File.WriteAllBytesAsync(_home["disk.raw"], disk, Token);
        (await Command.RunAsync("qemu-img", ["convert", "-c", "-f", "raw", "-O", "qcow2", _home["disk.raw"], _home["disk.qcow2"]])).Succeeded();
        return (await service.AddFileAsync(name, "qcow2", _home["disk.qcow2"]), disk);
    }

    private static async Task ReadByKernelAsync(RemoteMount mount, string file, byte[] content)
    {
        await mount.ForgetOpensAsync();
        var before = await OpensAsync(mount);
        Assert.Equal(Sha256(content), await RemoteMount.Sha256Async(file));
        if (mount.Said.GetProperty("passthrough").GetBoolean())
            Assert.Equal((before.Passthrough + 1, before.Copied), await OpensAsync(mount));
    }

    private static async Task<(long Passthrough, long Copied)> OpensAsync(RemoteMount mount)
    {
        var status = await mount.StatusAsync();
        return (status.GetProperty("opens_passthrough").GetInt64(), status.GetProperty("opens_copied").GetInt64());
    }

    private Task<RemoteMount> StartAsync(params string[] flags) => RemoteMount.StartAsync(_home, [.. flags, service.Gateway.Address.ToString()]);

    private static async Task<JsonElement> SteerAsync(string command, RemoteMount mount, params string[] arguments)
    {
        var result = await GatewayAsync(["mount", command, "--json", mount.Directory, .. arguments]);
        return JsonDocument.Parse(result.Output).RootElement.GetProperty("images");
    }

    /// <summary>The one image that a command was about, or the one of an id; it went well.</summary>
    private static JsonElement Only(JsonElement images, string? id = null)
    {
        var result = Assert.Single(images.EnumerateArray(), image => id is null || image.GetProperty("image").GetString() == id);
        Assert.Equal(JsonValueKind.Null, result.GetProperty("problem").ValueKind);
        return result;
    }

    private static Task<CommandResult> GatewayAsync(params string[] arguments) =>
        Command.RunAsync("dotnet", [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), .. arguments], limit: TimeSpan.FromMinutes(2));

    private static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));
}
