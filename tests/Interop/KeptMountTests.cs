using System.Diagnostics;
using System.Security.Cryptography;
using GlanceGateway.Testing;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Interop.Tests;

/// <summary>Processes that serve a mount come and go behind a keeper, all of them without privilege, and readers notice nothing but a pause.</summary>
public sealed class KeptMountTests
{
    private const string Iso = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso";
    private const int Mib = 1 << 20;
    private const int Size = 64 * Mib;

    /// <summary>A start of the product on a busy machine, twice.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private static readonly CancellationToken s_token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, true)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public async Task Readers_get_every_byte_across_the_end_of_a_server_and_the_start_of_the_next(bool remote, bool killed)
    {
        Requires.Programs("qemu-img");
        await using var site = await KeptSite.StartedAsync();
        var gateway = await site.ServeAsync(mounted: !remote);
        var content = await PatternAsync();
        var raw = await site.Images.CreateAsync("raw", new PatternContent(Size));
        // What is inside of a container is always copied by the server, while the kernel reads a plain local file by itself.
        var qcow2 = await UploadQcow2Async(site, content);
        var files = remote ? new[] { site.FileOf(raw) } : [site.FileOf(raw), site.RawOf(qcow2)];
        // It knows the images from its start on: a poll is a minute.
        var server = remote ? await site.MountAsync() : gateway;
        foreach (var file in files)
        {
            await Eventually.TrueAsync($"{file} appears", s_patience, () => File.Exists(file));
        }

        using var half = new CountdownEvent(files.Length * 2);
        using var go = new ManualResetEventSlim();
        var reading = files.SelectMany(file => new[]
        {
            OnThreadAsync(() => Stream(file, content, half, go)),
            OnThreadAsync(() => Jump(file, content, half, go)),
        }).ToArray();
        await OnThreadAsync(() => half.Wait(s_token));

        go.Set();
        await server.EndAsync(killed);
        Assert.True(File.ReadAllText("/proc/self/mounts").Contains(site.Mount, StringComparison.Ordinal), "the mount is gone");
        var next = remote ? await site.MountAsync() : await site.ServeAsync();

        await Task.WhenAll(reading).WaitAsync(s_patience, s_token);
        var status = await site.StatusAsync();
        Assert.True(status.GetProperty("kept").GetBoolean());
        Assert.Equal(2, status.GetProperty("server").GetInt32());
        Assert.True(next.Said.GetProperty("passthrough").GetBoolean());
        foreach (var file in files)
        {
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), (await Command.RunAsync("sha256sum", [file], limit: s_patience)).Succeeded().Output[..64]);
        }

        if (!remote)
        {
            Assert.True((await site.StatusAsync()).GetProperty("opens_passthrough").GetInt64() > 0, "the kernel did not read by itself");
        }
    }

    [Fact]
    public async Task What_is_deleted_while_it_is_open_is_read_on_over_the_end_of_the_server_and_goes_when_the_grace_time_is_over()
    {
        const string Configuration = "mount: { passthrough: false, delete_grace: 30s }\nlimits: { lease: 2s }\n";
        Requires.Programs("qemu-img");
        await using var site = await KeptSite.StartedAsync();
        var server = await site.ServeAsync(configuration: Configuration);
        var content = await PatternAsync();
        for (var attempt = 1; ; attempt++)
        {
            var before = Stores(site);
            var inside = await UploadQcow2Async(site, content);
            var raw = await site.Images.CreateAsync("raw", new PatternContent(Size));
            await Eventually.TrueAsync("the files appear", s_patience, () => File.Exists(site.RawOf(inside)) && File.Exists(site.FileOf(raw)));
            using var inherited = File.OpenHandle(site.RawOf(inside));
            Compare(inherited, content, 0, 4096);

            var clock = Stopwatch.StartNew();
            Assert.Equal(System.Net.HttpStatusCode.NoContent, await site.Images.StatusAsync(HttpMethod.Delete, $"v2/images/{inside}"));
            await server.EndAsync(killed: true);
            server = await site.ServeAsync(configuration: Configuration);
            // As long as the bytes are sure to be there; a machine too busy for two starts in that time tries again.
            var isInTime = await CompareAsync(inherited, content, clock);
            Assert.False(File.Exists(site.RawOf(inside)));

            using var open = File.OpenHandle(site.FileOf(raw));
            Compare(open, content, 0, 4096);
            clock.Restart();
            Assert.Equal(System.Net.HttpStatusCode.NoContent, await site.Images.StatusAsync(HttpMethod.Delete, $"v2/images/{raw}"));
            await server.EndAsync(killed: false);
            server = await site.ServeAsync(configuration: Configuration);
            isInTime &= await CompareAsync(open, content, clock);
            Assert.True(Stores(site).Count > before.Count || clock.Elapsed > TimeSpan.FromSeconds(20), "the data is gone too early");

            await Eventually.TrueAsync("the data goes", s_patience, () => Stores(site).SetEquals(before));
            if (isInTime)
            {
                return;
            }

            Assert.True(attempt < 5, $"the machine is never fast enough\n{server.Log}");
        }
    }

    [Fact]
    public async Task A_stop_through_the_keeper_unmounts_and_ends_the_server()
    {
        await using var site = await KeptSite.StartedAsync();
        await site.ServeAsync(mounted: false);
        var server = await site.MountAsync();
        string[] program = [Path.Combine(RepositoryPaths.Host, "glance-gateway.dll"), "mount"];
        var kept = (await Command.RunAsync("dotnet", [.. program, "kept", "--socket", site.Socket])).Succeeded();
        Assert.Contains($"{site.Mount}: served by the process {server.Id}", kept.Output, StringComparison.Ordinal);

        var stop = await Command.RunAsync("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", "dotnet", .. program, "stop", "--keeper", site.Socket, site.Mount]);

        Assert.Contains("is unmounted", stop.Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal(0, await server.ExitAsync());
        Assert.DoesNotContain(site.Mount, await File.ReadAllTextAsync("/proc/self/mounts", s_token), StringComparison.Ordinal);
        Assert.Equal(0, await site.Keeper.TerminateAsync());
    }

    [Fact]
    public async Task A_gateway_that_finds_no_keeper_serves_the_api_and_mounts_when_there_is_one()
    {
        await using var site = await KeptSite.StartedAsync();
        Assert.Equal(0, await site.Keeper.TerminateAsync());
        var server = await site.ServeAsync();
        Assert.False(server.Said.TryGetProperty("mount", out var mount) && mount.ValueKind == System.Text.Json.JsonValueKind.String);
        var id = await site.Images.CreateAsync("late", new PatternContent(Mib));

        await site.KeepAsync();

        await Eventually.TrueAsync("the file appears", s_patience, () => File.Exists(site.FileOf(id)));
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_machine_boots_on_though_its_server_is_killed_in_the_middle(bool remote, bool inQcow2)
    {
        Requires.FileOf("grub-rescue-pc", Iso);
        Requires.Programs("qemu-img", "qemu-system-x86_64");
        await using var site = await KeptSite.StartedAsync();
        var server = await site.ServeAsync(mounted: !remote);
        // Locally only as the disk inside a qcow2 file, whose every byte comes from the server.
        var disk = await File.ReadAllBytesAsync(Iso, s_token);
        var id = inQcow2 ? await UploadQcow2Async(site, disk) : await site.Images.CreateAsync("boot", new ByteArrayContent(disk));
        if (remote)
        {
            server = await site.MountAsync();
        }

        var file = inQcow2 ? site.RawOf(id) : site.FileOf(id);
        await Eventually.TrueAsync("the file appears", s_patience, () => File.Exists(file));
        for (var attempt = 1; ; attempt++)
        {
            // Past the page cache, so that every read of the machine waits for the server.
            await using var boot = new GrubBoot($"file={file},format=raw,media=cdrom,readonly=on,cache.direct=on", s_patience);
            var hasBegun = await boot.AwaitAsync(GrubBoot.Welcome);
            await server.KillAsync();
            var wasOver = boot.Shows(GrubBoot.MenuLine);
            await Task.Delay(500, s_token);
            server = remote ? await site.MountAsync() : await site.ServeAsync();
            var hasEnded = await boot.AwaitAsync(GrubBoot.MenuLine);

            Assert.False(boot.HasExited, "QEMU gave up");
            Assert.True(hasBegun && hasEnded, $"GRUB's menu did not come:\n{await boot.EndAsync()}\n{server.Log}");
            if (!wasOver)
            {
                return;
            }

            Assert.True(attempt < 5, "the machine is always faster than the kill");
        }
    }

    private static async Task<string> UploadQcow2Async(KeptSite site, byte[] content)
    {
        var (flat, qcow2) = (site["flat"], site["disk.qcow2"]);
        await File.WriteAllBytesAsync(flat, content, s_token);
        (await Command.RunAsync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", flat, qcow2])).Succeeded();
        var id = await site.Images.CreateAsync("qcow2", "qcow2");
        await using var file = File.OpenRead(qcow2);
        using var body = new StreamContent(file);
        Assert.Equal(System.Net.HttpStatusCode.NoContent, await site.Images.UploadAsync(id, body));
        return id;
    }

    private static async Task<byte[]> PatternAsync()
    {
        using var content = new PatternContent(Size);
        return await content.ReadAsByteArrayAsync(s_token);
    }

    /// <summary>Reads from the beginning to the end; with half of it waits until the server is about to go.</summary>
    private static void Stream(string path, byte[] content, CountdownEvent half, ManualResetEventSlim go)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        var block = new byte[Mib];
        for (var at = 0; at < Size; at += block.Length)
        {
            if (at == Size / 2)
            {
                half.Signal();
                go.Wait(s_token);
            }

            file.ReadExactly(block);
            Assert.True(block.AsSpan().SequenceEqual(content.AsSpan(at, block.Length)), $"wrong bytes at {at} of {path}");
        }

        Assert.Equal(0, file.Read(block));
    }

    /// <summary>Reads here and there through one descriptor, from before the server goes to after the next one came.</summary>
    private static void Jump(string path, byte[] content, CountdownEvent half, ManualResetEventSlim go)
    {
        using var file = File.OpenHandle(path);
        var random = new Random(path.Length);
        var block = new byte[5000];
        for (var i = 0; i < 2000; i++)
        {
            if (i == 200)
            {
                half.Signal();
                go.Wait(s_token);
            }

            var at = random.Next(Size - block.Length);
            var count = 0;
            while (count < block.Length && RandomAccess.Read(file, block.AsSpan(count), at + count) is > 0 and var got)
            {
                count += got;
            }

            Assert.True(block.AsSpan().SequenceEqual(content.AsSpan(at, block.Length)), $"wrong bytes at {at} of {path}");
        }
    }

    /// <summary>The large files of all stores: the data of images.</summary>
    private static HashSet<string> Stores(KeptSite site) =>
        [.. Directory.EnumerateFiles(site["data"], "*", SearchOption.AllDirectories).Where(file => new FileInfo(file) is { Exists: true, Length: > Mib })];

    /// <summary>Compares all that the kernel cannot have yet; what fails may be due to the time that went by.</summary>
    private static async Task<bool> CompareAsync(SafeFileHandle file, byte[] content, Stopwatch clock)
    {
        try
        {
            await OnThreadAsync(() => Compare(file, content, 0, Size));
            return true;
        }
        catch (IOException) when (clock.Elapsed > TimeSpan.FromSeconds(28))
        {
            return false;
        }
    }

    private static void Compare(SafeFileHandle file, byte[] content, int from, int to)
    {
        var block = new byte[Mib];
        for (var at = from; at < to;)
        {
            var got = RandomAccess.Read(file, block.AsSpan(0, Math.Min(block.Length, to - at)), at);
            Assert.True(got > 0 && block.AsSpan(0, got).SequenceEqual(content.AsSpan(at, got)), $"wrong bytes at {at}");
            at += got;
        }
    }

    private static Task OnThreadAsync(Action action) => Task.Factory.StartNew(action, s_token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
